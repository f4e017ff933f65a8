"""Cases that people grade elsewhere: blinded in the file, and taken back whole or not at all."""

from __future__ import annotations

import json

import pytest

from evaluator.judge.reviewing.cases import ReviewCase
from evaluator.judge.reviewing.files import exported, grades_from, read_lines
from telemetry.errors import UsageError
from telemetry.events import AnswerGraded, Message

ASKED = (Message(role="user", content="line one\u2028line two"),)
CASES = [
    ReviewCase(f"interaction-{n}", arm, "facts", 1.0, ASKED, f"answer {n}")  # type: ignore[arg-type]  # an arm
    for n in range(3)
    for arm in ("control", "candidate")
]


def taken(text: str) -> list[AnswerGraded]:
    by_id = {case.id: case for case in CASES}
    return grades_from(read_lines(text, "f"), by_id, "f", grader="ada", rollout_id="r1")


def filled(text: str, **grades: object) -> str:
    rows = [json.loads(line) for line in text.split("\n") if line]
    for row, (name, value) in zip(rows, grades.items(), strict=False):
        row["grade"] = value
        row["note"] = name
    return "\n".join(json.dumps(row) for row in rows)


def test_a_file_names_neither_the_arm_nor_the_interaction() -> None:
    text = exported(CASES)
    assert "control" not in text
    assert "candidate" not in text
    assert "interaction-" not in text
    assert len([line for line in text.split("\n") if line]) == len(CASES)


def test_what_was_filled_in_comes_back_as_grades_of_the_right_answers() -> None:
    found = taken(filled(exported(CASES), a=0.25, b=1))
    assert [(g.interaction_id, g.arm, g.grade, g.note, g.sampled_fraction) for g in found] == [
        ("interaction-0", "control", 0.25, "a", 1.0),
        ("interaction-0", "candidate", 1.0, "b", 1.0),
    ]


def test_a_file_in_which_nothing_is_filled_in_has_no_grades() -> None:
    assert taken(exported(CASES) + "\n") == []


def row(**changes: object) -> str:
    return json.dumps({"id": CASES[1].id, "sampled_fraction": 1.0, "grade": 0.5, "note": ""} | changes)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "Invalid JSON"),
        ("[1]", "should be an object"),
        ("[" * 100_000, "Invalid JSON"),
        (row(grade=1.5), "grade: "),
        (row(grade="0.5"), "grade: "),
        (row(grade=True), "grade: "),
        (row(grade=float("nan")), "grade: "),
        (row(id=7), "id: "),
        (row(sampled_fraction=0), "sampled_fraction: "),
        (row(note=3), "note: "),
        (row(note="x" * 501), "note: "),
        (row(id="0" * 20), "has no case 0000"),
        (row(sampled_fraction=1e-9), "none of a fraction of 1e-09"),
        (row(id=CASES[0].id), "has a grade in line 1 already"),
    ],
)
def test_a_wrong_line_is_an_error_with_its_number(line: str, why: str) -> None:
    first = row(id=CASES[0].id)
    with pytest.raises(UsageError, match="f, line 3: ") as caught:
        taken(f"{first}\n\n{line}\n")
    assert why in caught.value.message
