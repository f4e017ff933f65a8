"""What people corrected is believed, and moves a prompt out of where it stood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluator.judge.tagging.lessons import corrected_lessons, item_lessons, together
from telemetry.errors import UsageError
from tests.evaluator.support.briefs import brief

NAMES = ("support", "sums")


def written(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n", encoding="utf-8")
    return path


def test_of_a_prompts_lines_the_last_counts(tmp_path: Path) -> None:
    path = written(
        tmp_path / "tags.jsonl",
        {"prompt": "a", "capability": "sums"},
        {"prompt": "b", "capability": None, "group": "poems"},
        {"prompt": "a", "capability": "support"},
    )
    assert corrected_lessons(path, NAMES) == {"support": ("a",), None: ("b",)}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"prompt": "a"}, "line 2: expected an object"),
        ({"capability": None}, "line 2: expected an object"),
        ([1], "line 2: expected an object"),
        ({"prompt": "a", "capability": "suport"}, "did you mean 'support'"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        corrected_lessons(written(tmp_path / "t.jsonl", {"prompt": "x", "capability": "sums"}, line), NAMES)


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="line 1: not valid JSON"):
        corrected_lessons(tmp_path / "t.jsonl", NAMES)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.jsonl cannot be read"):
        corrected_lessons(tmp_path / "none.jsonl", NAMES)


def test_a_corrected_tag_moves_an_item() -> None:
    items = item_lessons(brief(items=2))
    assert items["sums"] == ("sums question 0", "sums question 1", "sums traffic")
    found = together(items, {None: ("sums question 0",)})
    assert found["sums"] == ("sums question 1", "sums traffic")
    assert found[None] == ("sums question 0",)
