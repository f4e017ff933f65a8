"""How long a drop would live from now on: what the planner is asked follows from what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from router.control.board.outlook import KEPT_S, LEAST, MOST_ROWS, Outlook, Outlooks, outlook, rate_of
from router.control.board.points import Point
from router.control.planning import Found, PlanAsked
from telemetry.events import ArmCount
from tests.router.control.board.values import evidence, report, state


class Asked:
    """A planner that remembers what it was asked, and finds every drop after 3,600 interactions."""

    def __init__(self) -> None:
        self.plans: list[PlanAsked] = []

    def stages(self, text: str) -> tuple[tuple[float, int], ...]:
        raise AssertionError(text)

    def forecast(self, asked: PlanAsked, drops: Sequence[float]) -> Sequence[Found]:
        self.plans.append(asked)
        name = asked.capabilities[0].name
        return [Found(capability=name, drop=drop, p50=3600.0, p90=None, bad_answers=None) for drop in drops]


def point(at: float, settled: int) -> Point:
    return Point(at=at, settled=settled, share=0.05, combined=1.0, evidence={})


POINTS = [point(0.0, 0), point(100.0, 200)]
SEEN = evidence(control=ArmCount(n=30, mean=1.0), candidate=ArmCount(n=10, mean=0.5), pairs=10)


def told(planner: Asked | None, points: Sequence[Point] = POINTS, **changes: Any) -> Outlook:
    fields: dict[str, Any] = {"settled": 200, "evidence": (SEEN,)}
    return outlook(state(), report(**(fields | changes)), points, planner)


def test_the_planner_reckons_with_the_traffic_units_and_pairs_that_there_are() -> None:
    planner = Asked()
    (row,) = told(planner).rows
    (plan,) = planner.plans
    (part,) = plan.capabilities
    assert (plan.rate, plan.stages, plan.evenly) == (2.0, ((0.05, 0),), True)
    assert (part.traffic, plan.shadow, plan.fresh) == (0.25, 0.2, 1.0)
    assert part.base == pytest.approx(31 / 32), "nobody is always right"
    assert (row.units, row.pairs, row.a_day) == (40, 10, 43_200.0)
    assert [(one.p50_s, one.p90_s) for one in row.drops] == [(1800.0, None), (1800.0, None)]


def test_the_rate_is_that_of_the_last_quarter_of_an_hour() -> None:
    busy = [point(0.0, 0), point(10_000.0, 9_000), point(10_100.0, 9_100), point(10_200.0, 9_200)]
    assert rate_of(busy) == 1.0
    assert rate_of([point(0.0, 0), point(5.0, 100)]) is None, "too short to tell"
    assert rate_of([]) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"evidence": (evidence(watched=False, unwatched="at the floor"),)}, "cannot fire: at the floor"),
        ({"evidence": (evidence(control=ArmCount(n=LEAST - 1, mean=1.0)),)}, "fewer than 10 samples of base"),
        ({"points": [point(0.0, 200), point(100.0, 200)]}, "nothing is scored now"),
        ({"points": []}, "too early to tell how much traffic there is"),
    ],
)
def test_where_nothing_can_be_reckoned_it_says_why_and_asks_nobody(changes: dict[str, Any], why: str) -> None:
    planner = Asked()
    (row,) = told(planner, changes.pop("points", POINTS), **changes).rows
    assert (row.why, row.drops, planner.plans) == (why, (), [])


def test_without_a_planner_the_samples_are_told_all_the_same() -> None:
    (row,) = told(None).rows
    assert (row.units, row.why) == (40, "this control has no planner")


def test_a_rollout_that_has_ended_finds_nothing_more() -> None:
    found = outlook(state(status="rolled_back"), report(evidence=(SEEN,)), POINTS, Asked())
    assert [row.why for row in found.rows] == ["the rollout has ended"]


def test_guardrails_and_missing_scores_are_no_capabilities() -> None:
    rails = tuple(evidence(name) for name in ("guardrail:errors", "missing:scores"))
    assert told(Asked(), evidence=rails).rows == ()


def test_however_many_pages_ask_it_is_reckoned_once_in_a_while_and_anew_where_the_rollout_moved() -> None:
    planner, now = Asked(), [0.0]
    outlooks = Outlooks(planner, lambda: now[0])
    seen = report(settled=200, evidence=(SEEN,))
    for _ in range(5):
        outlooks.of(state(), seen, POINTS)
    assert len(planner.plans) == 1
    outlooks.of(state(2), seen, POINTS)
    assert len(planner.plans) == 2
    now[0] = KEPT_S
    outlooks.of(state(2), seen, POINTS)
    assert len(planner.plans) == 3


def test_of_very_many_capabilities_those_with_the_most_samples_are_reckoned() -> None:
    many = tuple(evidence(f"c{n}", control=ArmCount(n=n, mean=1.0)) for n in range(10, 1010))
    rows = told(Asked(), evidence=many).rows
    assert [row.capability for row in rows] == [f"c{n}" for n in range(1009, 1009 - MOST_ROWS, -1)]
