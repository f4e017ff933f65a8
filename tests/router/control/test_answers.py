"""Answers by idempotency key: the first one again, bounded, also after a restart."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from router.control.answers import KEPT, KEPT_BYTES, Answered, Answers, KeyReused

FINE = Answered(200, {"revision": 2})


def test_what_was_answered_is_known_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    Answers(file).keep("k", "r", FINE)
    again = Answers(file)
    assert again.given("k", "r") == FINE
    assert again.given("other", "r") is None
    with pytest.raises(KeyReused, match="'k' came with another request"):
        again.given("k", "another")


def test_the_last_answers_are_kept_and_the_file_stays_as_small(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    answers = Answers(file)
    for number in range(3 * KEPT):
        answers.keep(f"k{number}", "r", FINE)
    assert len(file.read_text().splitlines()) <= 2 * KEPT
    for kept in (answers, Answers(file)):
        assert kept.given("k0", "r") is None
        assert kept.given(f"k{3 * KEPT - 1}", "r") == FINE
        assert kept.given(f"k{2 * KEPT}", "r") == FINE


def test_large_answers_are_kept_as_far_as_there_is_room() -> None:
    answers = Answers()
    large = Answered(200, {"x": "y" * (KEPT_BYTES // 2)})
    for number in range(3):
        answers.keep(f"k{number}", "r", large)
    assert answers.given("k1", "r") is None
    assert answers.given("k2", "r") == large


def test_a_line_that_was_cut_short_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "answers.jsonl"
    Answers(file).keep("k", "r", FINE)
    with file.open("a") as added:
        added.write('["k2", "r", "{')
    with caplog.at_level(logging.WARNING):
        answers = Answers(file)
    assert "line 2 is no answer" in caplog.text
    answers.keep("k3", "r", FINE)
    assert [Answers(file).given(key, "r") for key in ("k", "k3")] == [FINE, FINE]


def test_a_file_that_cannot_be_written_costs_no_change(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers = Answers(tmp_path / "absent" / "answers.jsonl")
    answers.keep("k", "r", FINE)
    assert answers.given("k", "r") == FINE
    assert "is not kept over a restart" in caplog.text
