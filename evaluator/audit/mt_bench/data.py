"""MT-Bench's questions and reference answers, in FastChat's files, which the user points to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telemetry.errors import BriefError

CATEGORIES: Final = (
    "writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities",
)  # fmt: skip
GUIDED: Final = frozenset({"math", "reasoning", "coding"})
"""Categories whose answers are compared with a reference: judges are poor at them without one."""
_REFERENCE_FILES: Final = (
    "reference_answer/gpt-4.jsonl",
    "reference_answer_gpt-4.jsonl",
    "reference_answers.jsonl",
)
"""Where references are looked for, beside the question file: FastChat's layout, then flat ones."""

Turns = tuple[str, str]
Line = TypeVar("Line", bound=BaseModel)


def category_order(category: str) -> int:
    """Where a category stands in MT-Bench; after all of them where it is somebody's own."""
    return CATEGORIES.index(category) if category in CATEGORIES else len(CATEGORIES)


@dataclass(frozen=True, slots=True)
class Question:
    """Two turns of one category; `reference` has an answer for each, None where there is none."""

    id: int
    category: str
    turns: Turns
    reference: Turns | None = None


class _QuestionLine(BaseModel):
    """A line of question.jsonl. FastChat's own short `reference` hints are not used: they lack turns."""

    model_config = ConfigDict(extra="ignore")

    question_id: int
    category: str
    turns: list[str] = Field(min_length=2, max_length=2)


class _Choice(BaseModel):
    model_config = ConfigDict(extra="ignore")

    turns: list[str] = Field(min_length=2, max_length=2)


class _ReferenceLine(BaseModel):
    """A line of a reference file."""

    model_config = ConfigDict(extra="ignore")

    question_id: int
    choices: list[_Choice] = Field(min_length=1)


def load_questions(file: Path) -> tuple[Question, ...]:
    """The questions with their references, in the file's order. Raises BriefError that names file and line.

    Questions of the guided categories must have references, in one of the files beside `file`.
    """
    if not file.is_file():
        raise BriefError(
            f"no MT-Bench questions at {file}", hint="Give the path of MT-Bench's question.jsonl."
        )
    lines = [_valid(_QuestionLine, data, where) for where, data in _lines(file)]
    if not lines:
        raise BriefError(f"{file} has no question")
    references = _references(file.parent)
    questions = tuple(
        Question(
            line.question_id,
            line.category,
            (line.turns[0], line.turns[1]),
            references.get(line.question_id) if line.category in GUIDED else None,
        )
        for line in lines
    )
    ids = [one.id for one in questions]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise BriefError(f"{file}: question ids that stand twice: {', '.join(map(str, twice))}")
    if without := [one.id for one in questions if one.category in GUIDED and one.reference is None]:
        raise BriefError(
            f"{file}: questions of {', '.join(sorted(GUIDED))} without a reference answer: "
            f"{', '.join(map(str, without))}",
            hint=f"Put FastChat's reference answers beside it, as {' or '.join(_REFERENCE_FILES)}.",
        )
    return questions


def _references(folder: Path) -> dict[int, Turns]:
    file = next((folder / name for name in _REFERENCE_FILES if (folder / name).is_file()), None)
    if file is None:
        return {}
    lines = [_valid(_ReferenceLine, data, where) for where, data in _lines(file)]
    return {line.question_id: (line.choices[0].turns[0], line.choices[0].turns[1]) for line in lines}


def _lines(file: Path) -> list[tuple[str, Any]]:
    """Each line's place, for messages, and its JSON."""
    found = []
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BriefError(f"{file} is no text in UTF-8: {error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        try:
            found.append((where, json.loads(line)))
        except json.JSONDecodeError as error:
            raise BriefError(f"{where}: not valid JSON: {error}") from error
    return found


def _valid(kind: type[Line], data: Mapping[str, Any], where: str) -> Line:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'line'}: {e['msg']}" for e in error.errors())
        raise BriefError(f"{where}: not what FastChat's files have: {wrong}") from error
