"""The word table: quick sums that equal slow ones, and a file that is checked when it is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import UnreadableRecord
from telemetry.word_table import LARGEST, LONGEST, WordTable, read_table, table_of, words, write_table

NAMES = ("facts", "sums", "poems")
weights = st.tuples(*(st.integers(0, LARGEST) for _ in NAMES))
vocabulary = st.dictionaries(st.text("abcdefg", min_size=1, max_size=3), weights, max_size=30)


@given(vocabulary, weights, st.integers(0, 3000), st.text("abcdefg ,.7", max_size=400))
def test_the_sum_over_lanes_is_the_sum_over_words(rows, bias, lead, prompt) -> None:
    table = WordTable(table_of(NAMES, lead, bias, rows))
    known = [rows[word] for word in words(prompt) if word in rows and any(rows[word])]
    sums = [b + sum(row[k] for row in known) for k, b in enumerate(bias)]
    best = max(sums)
    expected = NAMES[sums.index(best)] if known and best - sorted(sums)[-2] >= lead else None
    assert table.tag(prompt) == expected


def test_words_are_lower_case_letters_and_single_digits() -> None:
    assert words("What's 23 + 45?  WHAT, über_all") == {"what", "s", "2", "3", "4", "5", "über", "all"}


def test_of_a_long_prompt_both_ends_are_read() -> None:
    prompt = "first " + "middle " * LONGEST + "last"
    assert {"first", "last"} < words(prompt)
    assert len(" ".join(words("x" * 10_000))) <= LONGEST + 1


def test_a_prompt_without_a_known_word_is_untagged() -> None:
    table = WordTable(table_of(("a", "b"), 0, (5, 0), {"x": (1, 0)}))
    assert table.tag("nothing known") is None
    assert table.tag("") is None
    assert table.tag("x") == "a"


def test_a_table_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "there" / "words.json"
    assert read_table(path) is None
    made = table_of(("a", "b"), 10, (0, 1), {"x": (100, 0), "y": (0, 100)})
    write_table(path, made)
    table = read_table(path)
    assert table is not None
    assert (table.version, table.capabilities) == (made.version, ("a", "b"))
    assert [table.tag(prompt) for prompt in ("x", "y", "x y")] == ["a", "b", None]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"words": {"x": [100]}}, "every word needs 2 weights"),
        ({"bias": [0]}, "every word needs 2 weights"),
        ({"lead": 11}, "its content has"),
        ({"capabilities": ["a", "a"]}, "named twice"),
        ({"format": "other"}, "format"),
        ({"bias": [0, LARGEST + 1]}, "bias"),
    ],
)
def test_a_changed_file_is_refused(tmp_path: Path, change: dict[str, object], told: str) -> None:
    path = tmp_path / "words.json"
    made = table_of(("a", "b"), 10, (0, 1), {"x": (100, 0)})
    path.write_text(json.dumps(made.model_dump(mode="json") | change), encoding="utf-8")
    with pytest.raises(UnreadableRecord, match=told):
        read_table(path)
