"""How long a drop would live from now on, under the traffic that a rollout has: what the planner is asked, and told.

The planner reckons with what was seen so far: scores a second, each capability's part of them, how many of those became
units and pairs, base's mean. The share stays what it is now, and the evidence so far counts as none. Pure.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from router.control.board.points import Point
from router.control.board.verdict import is_rail
from router.control.planning import Found, PlanAsked, PlannedPart, Planner
from telemetry.events import CapabilityEvidence, RolloutChanged, Value, WatchReported

DROPS: Final = (0.05, 0.10)
WINDOW_S: Final = 900.0
LEAST_S: Final = 20.0
"""Over less than this no rate is told."""
MOST_ROWS: Final = 100
"""Those with the most samples: a planner needs a millisecond for each."""
KEPT_S: Final = 10.0
LEAST: Final = 10
"""Samples of base from which its mean is taken for what it is."""


class DropTold(Value):
    """When a drop would be found, in seconds from now: in half, and in nine of ten rollouts. None is never."""

    drop: float
    p50_s: float | None
    p90_s: float | None


class OutlookRow(Value):
    """One capability: its samples, so many a day now, and how long drops would live; or `why` nobody can tell."""

    capability: str
    units: int
    pairs: int
    a_day: float | None
    tolerated: float
    drops: tuple[DropTold, ...]
    why: str | None


class Outlook(Value):
    """How long drops would live in one rollout. `rate` is scores a second of late, None where nobody can tell."""

    rollout_id: str
    share: float
    rate: float | None
    drops: tuple[float, ...]
    rows: tuple[OutlookRow, ...]


class Outlooks:
    """The outlooks of rollouts, each reckoned at most every `KEPT_S`, however many pages ask. Safe from any thread."""

    def __init__(self, planner: Planner | None, clock: Callable[[], float] = monotonic) -> None:
        self._planner, self._clock = planner, clock
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, int], tuple[float, Outlook]] = {}

    def of(self, state: RolloutChanged, report: WatchReported | None, points: Sequence[Point]) -> Outlook:
        """What is known already where that is young enough, and of this revision."""
        key, now = (state.spec.rollout_id, state.revision), self._clock()
        with self._lock:
            self._kept = {one: kept for one, kept in self._kept.items() if now - kept[0] < KEPT_S}
            if key not in self._kept:
                self._kept[key] = now, outlook(state, report, points, self._planner)
            return self._kept[key][1]


def outlook(
    state: RolloutChanged, report: WatchReported | None, points: Sequence[Point], planner: Planner | None
) -> Outlook:
    """What can be told now; without a planner the samples alone."""
    rate = rate_of(points)
    rows = [] if report is None else [one for one in report.evidence if not _is_beside(one)]
    rows.sort(key=lambda one: -(one.control.n + one.candidate.n + one.pairs))
    return Outlook(
        rollout_id=state.spec.rollout_id,
        share=state.share,
        rate=rate,
        drops=DROPS,
        rows=tuple(
            _row(state, one, rate, report.settled if report else 0, planner) for one in rows[:MOST_ROWS]
        ),
    )


def rate_of(points: Sequence[Point]) -> float | None:
    """Scores a second over the last quarter of an hour; None where the path is too short to tell."""
    if not points:
        return None
    last = points[-1]
    first = next(point for point in points if last.at - point.at <= WINDOW_S)
    span = last.at - first.at
    return max(0, last.settled - first.settled) / span if span >= LEAST_S else None


def _is_beside(one: CapabilityEvidence) -> bool:
    return is_rail(one) or one.capability.startswith("missing:")


def _row(
    state: RolloutChanged, one: CapabilityEvidence, rate: float | None, settled: int, planner: Planner | None
) -> OutlookRow:
    units = one.control.n + one.candidate.n
    part = (units + one.pairs) / settled if settled else 0.0
    why = _why_not(state, one, rate, planner)
    return OutlookRow(
        capability=one.capability,
        units=units,
        pairs=one.pairs,
        a_day=None if rate is None else 86400.0 * rate * part,
        tolerated=one.tolerated if one.tolerated is not None else one.threshold,
        drops=()
        if why is not None or planner is None or not rate
        else _drops(state, one, rate, part, planner),
        why=why,
    )


def _why_not(
    state: RolloutChanged, one: CapabilityEvidence, rate: float | None, planner: Planner | None
) -> str | None:
    if not state.live:
        return "the rollout has ended"
    if not one.watched:
        return "cannot fire: " + (one.unwatched or "not watched")
    if planner is None:
        return "this control has no planner"
    if rate is None:
        return "too early to tell how much traffic there is"
    if rate == 0.0:
        return "nothing is scored now"
    if one.control.n + one.pairs < LEAST or one.control.mean is None:
        return f"fewer than {LEAST} samples of base"
    return None


def _drops(
    state: RolloutChanged, one: CapabilityEvidence, rate: float, part: float, planner: Planner
) -> tuple[DropTold, ...]:
    """The planner's answer for this capability alone, with the units and pairs that it really has."""
    control = one.control
    assert control.mean is not None, "_why_not() made sure of it"  # noqa: S101 - tells mypy what is so
    asked = PlanAsked(
        capabilities=(
            PlannedPart(
                name=one.capability,
                traffic=min(1.0, part),
                # As if two more had come, one of them bad: nobody is always right.
                base=(control.n * control.mean + 1.0) / (control.n + 2.0),
                threshold=one.threshold,
                weight=one.weight,
            ),
        ),
        rate=rate,
        stages=((state.share, 0),),
        alpha=state.spec.alpha,
        shadow=one.pairs / (control.n + one.candidate.n + one.pairs),
        fresh=1.0,
        evenly=True,
    )
    return tuple(_in_time(found, rate) for found in planner.forecast(asked, DROPS))


def _in_time(found: Found, rate: float) -> DropTold:
    return DropTold(
        drop=found.drop,
        p50_s=None if found.p50 is None else found.p50 / rate,
        p90_s=None if found.p90 is None else found.p90 / rate,
    )
