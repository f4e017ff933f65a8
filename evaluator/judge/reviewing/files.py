"""Cases graded elsewhere: blinded cases as JSON lines, and the grades back. All of them or none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evaluator.judge.judges.sampling import sampled
from evaluator.judge.reviewing.cases import ReviewCase
from evaluator.judge.reviewing.grades import Typed, graded
from telemetry.codec import explain
from telemetry.errors import UsageError
from telemetry.events import AnswerGraded, Fraction


class _Row(BaseModel):
    """What counts of a line; conversation and answer may be there or not."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    id: str
    sampled_fraction: Annotated[float, Field(gt=0.0, le=1.0)]
    grade: Fraction | None = None
    note: str = ""


class Line(NamedTuple):
    """A grade as it stands in a file: in which line, of which case, and the fraction that it was drawn with."""

    number: int
    case: str
    fraction: float
    typed: Typed


def exported(cases: Iterable[ReviewCase]) -> str:
    """One JSON object a line: `id`, capability, conversation, answer; `grade` (in [0, 1]) and `note` to be filled in.

    It names neither interaction nor arm. It holds what users wrote and is as private as the log that it comes from.
    """
    rows = (
        {
            "id": case.id,
            "sampled_fraction": case.fraction,
            "capability": case.capability,
            "messages": [message.model_dump() for message in case.messages],
            "answer": case.answer,
            "grade": None,
            "note": "",
        }
        for case in cases
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_lines(text: str, name: str) -> list[Line]:
    """The grades in a file; lines without one (`null`) are left out.

    Raises UsageError, with its line, for the first fault. `name` is the file's. A case may be
    graded once.
    """
    found: list[Line] = []
    seen: dict[str, int] = {}
    for number, raw in enumerate(text.split("\n"), start=1):
        if not raw.strip():
            continue
        try:
            row = _Row.model_validate_json(raw)
        except ValidationError as error:
            raise UsageError(f"{name}, line {number}: {explain(error)}") from error
        if row.grade is None:
            continue
        if row.id in seen:
            raise UsageError(
                f"{name}, line {number}: case {row.id} has a grade in line {seen[row.id]} already"
            )
        seen[row.id] = number
        found.append(Line(number, row.id, row.sampled_fraction, Typed(row.grade, row.note)))
    return found


def grades_from(
    lines: Iterable[Line], cases: Mapping[str, ReviewCase], name: str, *, grader: str, rollout_id: str
) -> list[AnswerGraded]:
    """The events of all lines. Raises UsageError for a case that the rollout does not have, with its line.

    The fraction of a line has to be one with which the case is drawn: it is what the grade is weighed by.
    """
    found = []
    for line in lines:
        case = cases.get(line.case)
        if case is None:
            raise UsageError(
                f"{name}, line {line.number}: rollout {rollout_id} has no case {line.case}",
                hint="Its interactions may have left the log, or it was exported from another rollout.",
            )
        if not sampled(case.interaction_id, line.fraction):
            raise UsageError(
                f"{name}, line {line.number}: case {line.case} is none of a fraction of {line.fraction:g}",
                hint="Leave `sampled_fraction` as it was exported.",
            )
        try:
            drawn = replace(case, fraction=line.fraction)
            found.append(graded(drawn, line.typed, grader=grader, rollout_id=rollout_id))
        except UsageError as error:
            raise UsageError(f"{name}, line {line.number}: {error.message}", hint=error.hint) from error
    return found
