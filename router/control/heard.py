"""What control has heard of each rollout: the watch's last decision, a promotion that waits, how well it is watched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from router.control.policy import Sight
from telemetry.events import (
    JUDGE_DRIFTED,
    STAGE_DONE,
    STALE_JUDGE,
    DecisionMade,
    Event,
    RolloutChanged,
    WatchReported,
    WorkerReported,
)

V = TypeVar("V")

MOST_ROLLOUTS: Final = 1000
"""Of so many rollouts the latest words are kept; those that were not heard of for the longest time go first."""
FORGOTTEN: Final = timedelta(hours=1)
"""A worker that says nothing for so long is gone, and another has its work."""


class Heard:
    """The latest words about each rollout, in whatever order their topics are read."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._since = clock()
        self._last: dict[str, DecisionMade] = {}
        self._promotions: dict[str, DecisionMade] = {}
        self._objections: dict[str, str] = {}
        self._stale: dict[str, tuple[datetime, str]] = {}
        self._reports: dict[str, tuple[datetime | None, tuple[datetime, str] | None]] = {}
        self._behind: dict[str, tuple[datetime, float | None]] = {}
        self._lagging: dict[float, datetime] = {}

    def decided(self, decision: DecisionMade) -> None:
        """Take in a decision; those of a rollout come in their order."""
        rollout = decision.rollout_id
        _keep(self._last, rollout, decision)
        if decision.action == "promote":
            _keep(self._promotions, rollout, decision)
            self._objections.pop(rollout, None)
        elif decision.reason == STAGE_DONE.format(stage=decision.stage):
            self._objections.pop(rollout, None)
        else:
            _keep(self._objections, rollout, decision.reason)
        drifted = rollout in self._stale and self._stale[rollout][1].startswith(JUDGE_DRIFTED)
        if drifted:
            return  # it stays so, whatever else is said in between
        if not decision.reason.startswith((STALE_JUDGE, JUDGE_DRIFTED)):
            self._stale.pop(rollout, None)
        elif rollout not in self._stale or decision.reason.startswith(JUDGE_DRIFTED):
            since = self._stale.get(rollout, (decision.time, ""))[0]
            _keep(self._stale, rollout, (since, decision.reason))

    def reported(self, event: Event) -> None:
        """Take in what the watch or a worker says of itself."""
        if isinstance(event, WatchReported):
            before = self._reports.get(event.rollout_id, (None, None))[1]
            stopped = (
                None
                if event.stopped is None
                else before or (event.time, f"the watch stopped: {event.stopped}")
            )
            _keep(self._reports, event.rollout_id, (event.last_score, stopped))
        elif isinstance(event, WorkerReported):
            _keep(self._behind, event.worker, (event.time, event.behind_s))

    def last(self, rollout_id: str) -> DecisionMade | None:
        """The watch's last decision about a rollout."""
        return self._last.get(rollout_id)

    def promotion(self, state: RolloutChanged) -> tuple[DecisionMade, str | None] | None:
        """The promotion that the evidence has called for in this stage, and what was said against it since."""
        found = self._promotions.get(state.spec.rollout_id)
        if found is None or found.stage != state.stage:
            return None
        return found, self._objections.get(state.spec.rollout_id)

    def sight(self, state: RolloutChanged) -> Sight:
        """How well a rollout is watched, as far as was heard."""
        rollout = state.spec.rollout_id
        last_score, stopped = self._reports.get(rollout, (None, None))
        return Sight(self._since, last_score, stopped, self._stale.get(rollout), self._lag(state))

    def _lag(self, state: RolloutChanged) -> tuple[datetime, str] | None:
        """Since when a worker scores what is older than the rollout's patience."""
        if state.spec.blind is None:
            return None
        limit_s = 60.0 * state.spec.blind.after_minutes
        now = self._clock()
        behind = max(
            (s for at, s in self._behind.values() if s is not None and now - at < FORGOTTEN), default=0.0
        )
        if behind <= limit_s:
            self._lagging.pop(limit_s, None)
            return None
        return self._lagging.setdefault(limit_s, now), f"the worker is {behind / 60:.0f} minutes behind"


def _keep(among: dict[str, V], key: str, value: V) -> None:
    among.pop(key, None)
    among[key] = value
    if len(among) > MOST_ROLLOUTS:
        del among[next(iter(among))]
