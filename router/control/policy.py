"""What the rollout's own file says of when the machine may promote, and when it pauses. Pure: the clock is passed in.

A person may promote at any time: what binds the machine is there so that a person is at hand.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from router.control.windows import closed, told
from telemetry.events import RolloutChanged


def why_not_yet(state: RolloutChanged, at: datetime) -> str | None:
    """Why a promotion that the evidence calls for has to wait; None where it need not."""
    if state.status == "paused":
        return "the rollout is paused"
    until = state.since + timedelta(hours=state.spec.stages[state.stage].min_hours)
    if at < until:
        return f"stage {state.stage} lasts until {until:%Y-%m-%d %H:%M} UTC at least"
    window = closed(state.spec.windows, at)
    return f"nothing is promoted {told(window)}" if window is not None else None


class Sight(NamedTuple):
    """What control has heard of how well a rollout is watched. Moments are None where nothing was heard of it.

    `listening` is since when control listens; `stopped`, `stale` and `lagging` are since when the watch has stopped, a
    judge is not the one that was calibrated or scores otherwise than it did, and the worker is behind, each with what
    was said of it.
    """

    listening: datetime
    last_score: datetime | None = None
    stopped: tuple[datetime, str] | None = None
    stale: tuple[datetime, str] | None = None
    lagging: tuple[datetime, str] | None = None


def why_blind(state: RolloutChanged, sight: Sight, at: datetime) -> str | None:
    """Why the watch of a rollout is taken for blind, None where it sees or the rollout's file does not ask.

    Each trouble counts from when it began, from the rollout's last change, or from when control began to listen,
    whichever is last: a person who resumes has that long again.
    """
    blind = state.spec.blind
    if blind is None or state.status not in ("shadow", "ramping"):
        return None
    patience = timedelta(minutes=blind.after_minutes)
    since = max(state.since, sight.listening)
    scored = max(since, sight.last_score or since)
    if at - scored >= patience:
        return f"no score for {_minutes(at - scored)}"
    for trouble in (sight.stopped, sight.stale, sight.lagging):
        if trouble is not None and at - max(since, trouble[0]) >= patience:
            return f"{trouble[1]}, for {_minutes(at - max(since, trouble[0]))}"
    return None


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:.0f} minutes"
