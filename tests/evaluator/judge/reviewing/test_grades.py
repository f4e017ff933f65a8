"""A grade as typed, as an event, and which of several counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.judge.reviewing.cases import ReviewCase
from evaluator.judge.reviewing.grades import Typed, graded, graded_by, latest, typed_grade
from telemetry.errors import UsageError
from telemetry.events import AnswerGraded, Message

CASE = ReviewCase("i1", "candidate", "facts", 0.2, (Message(role="user", content="?"),), "yes")


def grade(value: float, *, by: str = "ada", case: ReviewCase = CASE, note: str = "") -> AnswerGraded:
    return graded(case, Typed(value, note), grader=by, rollout_id="r1")


@pytest.mark.parametrize(
    ("text", "value", "note"),
    [
        ("1", 0.0, ""),
        ("3", 0.5, ""),
        (" 5 ", 1.0, ""),
        ("1.0", 1.0, ""),
        ("0.0", 0.0, ""),
        (".25 too long", 0.25, "too long"),
        ("0,8", 0.8, ""),
        ("2 it makes up 3 numbers", 0.25, "it makes up 3 numbers"),
    ],
)
def test_a_whole_number_is_a_key_and_one_with_a_point_the_grade_itself(
    text: str, value: float, note: str
) -> None:
    assert typed_grade(text) == (pytest.approx(value), note)


@pytest.mark.parametrize("text", ["", "0", "6", "1.1", "-0.5", "good", "nan", "1e-1", "\u0663", "inf.", "."])
def test_anything_else_is_no_grade(text: str) -> None:
    with pytest.raises(UsageError, match="is no grade"):
        typed_grade(text)


@given(st.floats(0.0, 1.0))
def test_every_grade_can_be_typed(value: float) -> None:
    assert typed_grade(f"{value:.6f}").grade == pytest.approx(value, abs=1e-6)


def test_grading_again_replaces_and_others_grades_stay() -> None:
    other_arm = ReviewCase("i1", "control", "facts", 0.2, CASE.messages, "no")
    grades = [grade(0.1), grade(0.9, by="bo"), grade(0.3, case=other_arm), grade(0.8)]
    assert [(g.grader, g.arm, g.grade) for g in latest(grades)] == [
        ("ada", "candidate", 0.8),
        ("bo", "candidate", 0.9),
        ("ada", "control", 0.3),
    ]
    assert graded_by(grades, "ada") == {CASE.id: 0.8, other_arm.id: 0.3}


def test_the_event_has_the_arm_and_the_chance_that_the_person_was_not_told() -> None:
    event = grade(0.75, note="long")
    assert (event.arm, event.sampled_fraction, event.note, event.key) == ("candidate", 0.2, "long", "r1")


def test_a_note_or_a_name_that_is_too_long_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="note: String should have at most 500"):
        grade(0.5, note="x" * 501)
    with pytest.raises(UsageError, match="grader: "):
        grade(0.5, by="")
