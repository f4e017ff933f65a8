"""YAML that people write keeps its comments when a value changes, and never says two things at once."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evaluator.briefs.yaml_text import Place, YamlError, read_yaml

TEXT = """\
# what it is
name: shop   # the name
list:
  - share: 0.25  # a guess
    why: >
      two lines
      of text
  - {share: .75, why: "x"}
"""


def test_every_value_has_the_line_it_stands_in() -> None:
    found = read_yaml(TEXT)
    assert found.data == yaml.safe_load(TEXT)
    assert found.line(("name",)) == 2
    assert found.line(("list", 0, "share")) == 4
    assert found.line(("list", 1, "why")) == 8


def test_what_is_not_there_has_the_line_of_what_would_hold_it() -> None:
    assert read_yaml(TEXT).line(("list", 1, "threshold")) == 8
    assert read_yaml(TEXT).line(("nothing",)) is None


def test_other_values_leave_comments_and_layout_alone() -> None:
    changed = read_yaml(TEXT).replaced({("list", 0, "share"): "0.3", ("list", 1, "share"): "0.7"})
    assert changed == TEXT.replace("0.25", "0.3").replace(".75", "0.7")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.data())
def test_an_edit_changes_the_named_values_and_no_other(numbers: list[float], data: st.DataObject) -> None:
    text = yaml.safe_dump({"rows": [{"share": n, "why": "a: b # c"} for n in numbers]})
    chosen = data.draw(st.sets(st.integers(0, len(numbers) - 1)))
    values: dict[Place, str] = {("rows", index, "share"): "0.5" for index in chosen}
    after = yaml.safe_load(read_yaml(text).replaced(values))
    expected = [0.5 if i in chosen else n for i, n in enumerate(numbers)]
    assert [row["share"] for row in after["rows"]] == expected
    assert {row["why"] for row in after["rows"]} == {"a: b # c"}


def test_a_key_that_stands_twice_is_refused_with_both_lines() -> None:
    with pytest.raises(YamlError, match="line 3: the key 'share' stands there twice, first in line 1"):
        read_yaml("share: 1\nother: 2\nshare: 3\n")


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "a: !!python/object:os.system x", "[" * 1200])
def test_what_is_no_yaml_is_refused(text: str) -> None:
    with pytest.raises(YamlError):
        read_yaml(text)


def test_an_empty_text_says_nothing() -> None:
    assert read_yaml("# only a comment\n").data is None


def test_a_value_behind_an_alias_is_not_edited() -> None:
    text = "a: &one 0.5\nb: *one\n"
    with pytest.raises(YamlError, match="alias"):
        read_yaml(text).replaced({("b",): "0.1"})
    with pytest.raises(YamlError, match="no single value"):
        read_yaml(TEXT).replaced({("list",): "0.1"})
