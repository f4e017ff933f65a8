"""A person's grade: as typed, as an event, and which of several counts. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from pydantic import ValidationError

from evaluator.judge.reviewing.cases import ReviewCase, case_id
from telemetry.codec import explain
from telemetry.errors import UsageError
from telemetry.events import AnswerGraded, Arm, derived_id

SOURCE: Final = "belay/review"
BEST_KEY: Final = 5
SCALE: Final = "1 (useless) to 5 (as good as can be), or a fraction with a point: 0.8"


class Typed(NamedTuple):
    """A grade as it was typed, and the words behind it."""

    grade: float
    note: str


def typed_grade(text: str) -> Typed:
    """The grade that a person typed, and a note behind it: "4", "0.75", "2 it makes up an order number".

    A whole number is a key of the scale from 1 to 5, (key - 1)/4; with a point it is the grade itself, so that "1" is
    0 and "1.0" is 1. Raises UsageError for anything else.

    >>> typed_grade("4 a little long")
    Typed(grade=0.75, note='a little long')
    >>> typed_grade("1.0").grade
    1.0
    """
    first, _, note = text.strip().partition(" ")
    written = first.replace(",", ".")
    if written.isascii() and written.isdigit() and 1 <= int(written) <= BEST_KEY:
        return Typed((int(written) - 1) / (BEST_KEY - 1), note.strip())
    if "." in written and (found := _fraction(written)) is not None:
        return Typed(found, note.strip())
    raise UsageError(f"{first!r} is no grade", hint=f"A grade is {SCALE}.")


def graded(case: ReviewCase, typed: Typed, *, grader: str, rollout_id: str) -> AnswerGraded:
    """The event of a grade. Raises UsageError for a note or a name that is too long."""
    try:
        return AnswerGraded(
            event_id=grade_id(case.interaction_id, case.arm, grader),
            source=SOURCE,
            rollout_id=rollout_id,
            interaction_id=case.interaction_id,
            capability=case.capability,
            arm=case.arm,
            grade=typed.grade,
            grader=grader,
            sampled_fraction=case.fraction,
            note=typed.note,
        )
    except ValidationError as error:
        raise UsageError(f"this grade cannot be recorded: {explain(error)}") from error


def grade_id(interaction_id: str, arm: Arm, grader: str) -> str:
    """The id of a grade: the same answer graded again by the same person is the same grade, put right."""
    return derived_id("grade", interaction_id, arm, grader)


def latest(grades: Iterable[AnswerGraded]) -> list[AnswerGraded]:
    """Of each answer and grader the last grade, in the order in which they were first given."""
    return list({grade.event_id: grade for grade in grades}.values())


def graded_by(grades: Iterable[AnswerGraded], grader: str) -> dict[str, float]:
    """What one person graded, by case id."""
    return {case_id(g.interaction_id, g.arm): g.grade for g in latest(grades) if g.grader == grader}


def _fraction(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and 0.0 <= found <= 1.0 else None
