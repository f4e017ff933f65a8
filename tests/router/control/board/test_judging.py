"""Who judges, as the page tells it."""

from __future__ import annotations

import pytest

from router.control.board.judging import agreements, costs
from telemetry.events import CapabilityWatch, JudgeAsked, JudgeTokens, PeopleSay, TokenPrice
from tests.router.control.board.values import evidence


def watch(**changes: object) -> CapabilityWatch:
    fields = {"name": "support", "role": "target", "threshold": 0.05, "weight": 1.0}
    return CapabilityWatch.model_validate(fields | changes)


def test_what_a_judge_may_add_is_by_how_much_it_moved_the_threshold() -> None:
    moved = watch(judged_by="the model m, 80 gold pairs", threshold=0.17, tolerated=0.05, judge_hides=0.04)
    (found,) = agreements([moved], [])
    assert (found.adds, found.hides, found.graded) == (pytest.approx(0.12), 0.04, None)


def test_a_program_may_add_nothing_and_a_judge_that_nobody_measured_is_not_taken_for_one() -> None:
    unknown = watch(judged_by="the model m", watched=False, unwatched="its judge has no calibration")
    assert [(one.judge, one.adds, one.idle) for one in agreements([watch(), unknown], [])] == [
        ("program", None, None),
        ("the model m", None, "its judge has no calibration"),
    ]


def test_what_people_said_meanwhile_stands_beside_it() -> None:
    people = PeopleSay(pairs=31, gap=0.1, judge_adds=0.18, e_value=2.0, judge_refuted=True)
    (found,) = agreements([watch()], [evidence(people=people)])
    assert (found.graded, found.off, found.refuted) == (31, 0.18, True)


def test_the_cost_of_a_model_is_added_up_over_workers() -> None:
    told = [
        JudgeAsked(judge="m", ended={"answered": 8, "failed": 1}, seconds=9.0),
        JudgeAsked(judge="m", ended={"answered": 1}, seconds=1.0),
        JudgeAsked(judge="never", ended={}, seconds=0.0),
    ]
    busy, idle = costs(told)
    assert (busy.asked, busy.ended, busy.mean_s) == (10, {"answered": 9, "failed": 1}, 1.0)
    assert (idle.asked, idle.mean_s) == (0, None)


def asked(answered: int, tokens: JudgeTokens | None, price: TokenPrice | None = None) -> JudgeAsked:
    ended = {"answered": answered, "failed": 2}
    return JudgeAsked(judge="m", ended=ended, seconds=1.0, tokens=tokens, price=price)


def test_tokens_are_added_up_over_workers_beside_how_many_answers_told_none() -> None:
    told = [
        asked(8, JudgeTokens(prompt=800, completion=80, metered=7, unmetered=1)),
        asked(3, JudgeTokens(prompt=300, completion=30, metered=3, unmetered=0)),
        asked(5, None),
    ]
    (found,) = costs(told)
    assert (found.prompt_tokens, found.completion_tokens, found.unmetered) == (1100, 110, 6)


def test_a_judge_that_tells_no_tokens_has_unknown_ones_and_not_none() -> None:
    (found,) = costs([asked(4, JudgeTokens(prompt=0, completion=0, metered=0, unmetered=4))])
    assert (found.prompt_tokens, found.completion_tokens, found.unmetered) == (None, None, 4)


def test_what_tokens_cost_is_added_up_by_currency_and_nothing_where_no_price_is_given() -> None:
    tokens = JudgeTokens(prompt=2_000_000, completion=500_000, metered=7, unmetered=0)
    none = JudgeTokens(prompt=0, completion=0, metered=0, unmetered=4)
    euros = TokenPrice(prompt=0.5, completion=2.0, currency="EUR")
    dollars = TokenPrice(prompt=1.0, completion=0.0, currency="USD")
    told = [asked(7, tokens, euros), asked(7, tokens, euros), asked(7, tokens, dollars), asked(7, tokens)]
    assert costs(told)[0].spent == {"EUR": 4.0, "USD": 2.0}
    assert costs([asked(7, tokens), asked(4, none, euros), asked(4, None, euros)])[0].spent == {}
