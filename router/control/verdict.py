"""What Belay says of a rollout to those who shift traffic by themselves: `promote`, `hold` or `roll_back`. Pure.

Control goes on to the next stage in the moment in which it may, so whoever asks now and then asks about a stage of
theirs: it is promoted as soon as the rollout is beyond it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from router.control.heard import Heard
from router.control.policy import why_not_yet
from telemetry.events import Action, RolloutChanged, Value

MOST_PASSES: Final = 1000


class RolloutVerdict(Value):
    """The verdict and why, with where the rollout stands. Without a rollout there is nothing to promote: hold."""

    verdict: Action
    reason: str
    rollout: str
    status: str | None = None
    stage: int | None = None
    share: float | None = None
    revision: int | None = None
    decision_id: str | None = None


def unknown(rollout_id: str, why: str) -> RolloutVerdict:
    """The verdict where no rollout can be judged: nobody has started it, or nobody can tell which is meant."""
    return RolloutVerdict(verdict="hold", reason=why, rollout=rollout_id)


def verdict_of(state: RolloutChanged, heard: Heard, at: datetime, stage: int | None = None) -> RolloutVerdict:
    """The verdict on a rollout; on its stage number `stage` where one is asked about, else on the one it is in."""
    action, reason = _verdict(state, heard, at, state.stage if stage is None else stage)
    last = heard.last(state.spec.rollout_id)
    return RolloutVerdict(
        verdict=action,
        reason=reason,
        rollout=state.spec.rollout_id,
        status=state.status,
        stage=state.stage,
        share=state.share,
        revision=state.revision,
        decision_id=last.event_id if last is not None else None,
    )


def _verdict(state: RolloutChanged, heard: Heard, at: datetime, stage: int) -> tuple[Action, str]:
    if state.status == "rolled_back":
        return "roll_back", state.reason
    last = heard.last(state.spec.rollout_id)
    if last is not None and last.action == "roll_back" and state.live:
        return "roll_back", last.reason
    if state.status in ("promoted", "closed") or state.stage > stage:
        return "promote", f"it is {state.status} at stage {state.stage}: {state.reason}"
    if state.stage < stage:
        return "hold", f"it has not come to stage {stage} yet"
    found = heard.promotion(state)
    waits = why_not_yet(state, at)
    if found is None or found[1] is not None or waits is not None:
        objection = found[1] if found is not None else None
        said = last.reason if last is not None else "no decision yet"
        return "hold", waits or objection or said
    return "promote", found[0].reason


class Passes:
    """Lets one increase of weight through for each stage that a rollout reaches, to each who asks.

    Flagger says nothing of which step it is at. One that is met first beyond the first stage waits for the next one:
    after a restart nobody knows what it was let through before.
    """

    def __init__(self) -> None:
        self._passed: dict[tuple[str, ...], int] = {}

    def let_through(self, who: tuple[str, ...], state: RolloutChanged) -> bool:
        """Whether this one may go one step on now; it is counted where it may."""
        if state.status in ("promoted", "closed") and state.share > 0.0:
            return True
        if state.status != "ramping":
            return False
        first = state.stage == 0 or state.spec.stages[state.stage - 1].share == 0.0
        passed = self._passed.pop(who, -1 if first else state.stage)
        self._passed[who] = max(passed, state.stage)
        if len(self._passed) > MOST_PASSES:
            del self._passed[next(iter(self._passed))]
        return state.stage > passed
