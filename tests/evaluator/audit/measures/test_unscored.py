"""Not measured: no scores, or too few to say that base is at the floor; the reasons are counted."""

from __future__ import annotations

import pytest

from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.measures.unscored import not_measured


def answers(
    *values: float | None, reason: str = "the judge's reply has no grade in brackets: Well, ..."
) -> list[ItemAnswer]:
    return [
        ItemAnswer(
            item=str(n), prompt="?", answer="!", value=value, reason=reason if value is None else "fine"
        )
        for n, value in enumerate(values)
    ]


def test_no_scores_are_no_measurement_and_the_reasons_are_counted_without_what_is_an_items_own() -> None:
    mixed = [*answers(None, None), *answers(None, reason="the judge's reply is empty")]
    assert not_measured(mixed) == (
        "none of 3 items scored: the judge's reply has no grade in brackets (2), the judge's reply is empty (1)"
    )
    many = [answer for n in range(5) for answer in answers(None, reason=f"reason {n}")]
    assert (not_measured(many) or "").endswith("reason 2 (1), 2 other reasons")


def test_no_answers_say_nothing() -> None:
    assert not_measured([]) is None


@pytest.mark.parametrize(
    ("values", "at_floor", "measured"),
    [
        ([1.0, None, None, None], False, True),
        ([0.0, None, None, None], True, False),
        ([0.0, 0.0, None, None], True, True),
        ([0.0, None, None], True, False),
        ([0.0, 1.0], True, True),
    ],
)
def test_that_base_is_at_the_floor_takes_scores_of_half_the_items(
    values: list[float | None], at_floor: bool, measured: bool
) -> None:
    assert (not_measured(answers(*values), at_floor=at_floor) is None) == measured
