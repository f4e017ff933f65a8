"""The rollout as one transition table. Pure: everything that changes a rollout's state is in this file.

`TABLE` says which event is possible in which status, what handles it and where it may lead; `transition`
looks it up; `diagram` draws it. What is not in the table is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from router.control.spec_checks import MOST_WINDOW_DAYS, check_spec, full_share
from telemetry.errors import TransitionRefused
from telemetry.events import Allotment, RolloutChanged, RolloutSpec, Status, derived_id

SOURCE: Final = "belay.control"


@dataclass(frozen=True, slots=True)
class Start:
    """Give the first stage's share of subjects the candidate; where that is 0, shadow it only."""

    spec: RolloutSpec
    actor: str = "operator"
    reason: str = "started"


@dataclass(frozen=True, slots=True)
class Promote:
    """Go one stage on; from the last stage, to all subjects but the holdback."""

    actor: str
    reason: str
    decision_id: str | None = None


@dataclass(frozen=True, slots=True)
class RollBack:
    """Put all traffic back on base."""

    actor: str
    reason: str
    decision_id: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Stay: the evidence does not suffice for anything else. It may move shadows to where they are needed."""

    actor: str
    reason: str
    decision_id: str | None = None
    allotment: Allotment | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Promote nothing until somebody resumes. Whoever has the candidate keeps it, shadows go on."""

    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on where it was paused."""

    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Expire:
    """The rollback window after full promotion has passed. Traffic stays where it is."""

    actor: str = SOURCE
    reason: str = "the rollback window has passed"


@dataclass(frozen=True, slots=True)
class Close:
    """The control endpoint serves the promoted model by now, so nobody needs the candidate arm."""

    actor: str
    reason: str


RolloutEvent = Start | Promote | RollBack | Hold | Pause | Resume | Expire | Close
Handler = Callable[[RolloutChanged, RolloutEvent, datetime], RolloutChanged]


class Row(NamedTuple):
    """What handles an event, and the statuses that it may lead to."""

    handler: Handler
    leads_to: tuple[Status, ...]


def transition(state: RolloutChanged | None, event: RolloutEvent, at: datetime) -> RolloutChanged:
    """The state after `event`. The same object comes back where nothing changes (no new revision).

    Raises TransitionRefused where the table has no row, or the row's own condition does not hold.
    """
    if isinstance(event, Start):
        if state is not None:
            raise _refused(state, event, "a rollout starts once")
        return _start(event, at)
    if state is None:
        raise TransitionRefused(
            f"{type(event).__name__} was asked for, but no rollout has started; expected Start"
        )
    row = TABLE[state.status].get(type(event))
    if row is None:
        possible = ", ".join(kind.__name__ for kind in TABLE[state.status])
        raise _refused(state, event, f"possible there: {possible}")
    return row.handler(state, event, at)


def rollback_until(state: RolloutChanged) -> datetime:
    """The end of the rollback window of a promoted rollout."""
    # A state that others published may say any number; what a date cannot hold would end whoever asks.
    return state.since + timedelta(days=min(state.spec.rollback_window_days, MOST_WINDOW_DAYS))


# --- the handlers ------------------------------------------------------------------------------------


def _start(event: Start, at: datetime) -> RolloutChanged:
    spec = event.spec
    check_spec(spec)
    return RolloutChanged(
        event_id=derived_id(spec.rollout_id, "1"),
        time=at,
        source=SOURCE,
        spec=spec,
        revision=1,
        status=_under_way(spec.stages[0].share),
        stage=0,
        share=spec.stages[0].share,
        since=at,
        actor=event.actor,
        reason=event.reason,
    )


def _promote(state: RolloutChanged, event: RolloutEvent, at: datetime) -> RolloutChanged:
    following = state.stage + 1
    if following < len(state.spec.stages):
        return _changed(
            state, event, at, status="ramping", stage=following, share=state.spec.stages[following].share
        )
    return _changed(state, event, at, status="promoted", stage=state.stage, share=full_share(state.spec))


def _under_way(share: float) -> Status:
    """The status of a rollout that goes on at this share."""
    return "ramping" if share > 0.0 else "shadow"


def _pause(state: RolloutChanged, event: RolloutEvent, at: datetime) -> RolloutChanged:
    return _changed(state, event, at, status="paused", stage=state.stage, share=state.share)


def _resume(state: RolloutChanged, event: RolloutEvent, at: datetime) -> RolloutChanged:
    return _changed(state, event, at, status=_under_way(state.share), stage=state.stage, share=state.share)


def _roll_back(state: RolloutChanged, event: RolloutEvent, at: datetime) -> RolloutChanged:
    return _changed(state, event, at, status="rolled_back", stage=state.stage, share=0.0)


def _stay(state: RolloutChanged, event: RolloutEvent, at: datetime) -> RolloutChanged:  # noqa: ARG001 - a handler
    return state


def _hold(state: RolloutChanged, event: RolloutEvent, at: datetime) -> RolloutChanged:
    new, old = event.allotment if isinstance(event, Hold) else None, state.allotment
    if new is None or (old is not None and (new.settled <= old.settled or _alike(new, old))):
        return state  # decisions are read again after a restart: an older one must not undo a newer one
    after = _changed(state, event, at, status=state.status, stage=state.stage, share=state.share)
    # The stage and the rollback window go on as they were.
    return after.model_copy(update={"since": state.since, "allotment": new})


def _alike(a: Allotment, b: Allotment) -> bool:
    return a.by_capability == b.by_capability and a.otherwise == b.otherwise


def _expire(state: RolloutChanged, event: RolloutEvent, at: datetime) -> RolloutChanged:
    until = rollback_until(state)
    if at < until:
        raise _refused(state, event, f"its rollback window ends at {until.isoformat()}")
    # Nobody decided anything about the model: those who have it keep it.
    return _changed(state, event, at, status="closed", stage=state.stage, share=state.share)


def _close(state: RolloutChanged, event: RolloutEvent, at: datetime) -> RolloutChanged:
    if state.status == "closed" and state.share == 0.0:
        return state
    return _changed(state, event, at, status="closed", stage=state.stage, share=0.0)


TABLE: Final[dict[Status, dict[type[RolloutEvent], Row]]] = {
    "shadow": {
        Promote: Row(_promote, ("ramping",)),
        RollBack: Row(_roll_back, ("rolled_back",)),
        Hold: Row(_hold, ("shadow",)),
        Pause: Row(_pause, ("paused",)),
        Resume: Row(_stay, ("shadow",)),
    },
    "ramping": {
        Promote: Row(_promote, ("ramping", "promoted")),
        RollBack: Row(_roll_back, ("rolled_back",)),
        Hold: Row(_hold, ("ramping",)),
        Pause: Row(_pause, ("paused",)),
        Resume: Row(_stay, ("ramping",)),
    },
    "paused": {
        RollBack: Row(_roll_back, ("rolled_back",)),
        Hold: Row(_hold, ("paused",)),
        Pause: Row(_stay, ("paused",)),
        Resume: Row(_resume, ("shadow", "ramping")),
    },
    "promoted": {
        RollBack: Row(_roll_back, ("rolled_back",)),
        Hold: Row(_hold, ("promoted",)),
        Expire: Row(_expire, ("closed",)),
        Close: Row(_close, ("closed",)),
    },
    "rolled_back": {
        RollBack: Row(_stay, ("rolled_back",)),
        Hold: Row(_stay, ("rolled_back",)),
        Close: Row(_stay, ("rolled_back",)),
    },
    "closed": {
        Hold: Row(_stay, ("closed",)),
        Close: Row(_close, ("closed",)),
    },
}


def diagram() -> str:
    """The table as a Mermaid state diagram; docs/router.md contains it."""
    lines = ["stateDiagram-v2", "    [*] --> shadow: Start", "    [*] --> ramping: Start"]
    for status, row_of in TABLE.items():
        for kind, row in row_of.items():
            lines += [f"    {status} --> {target}: {kind.__name__}" for target in row.leads_to]
    return "\n".join(lines)


def _changed(
    state: RolloutChanged, event: RolloutEvent, at: datetime, *, status: Status, stage: int, share: float
) -> RolloutChanged:
    revision = state.revision + 1
    return RolloutChanged(
        event_id=derived_id(state.spec.rollout_id, str(revision)),
        time=at,
        source=SOURCE,
        spec=state.spec,
        revision=revision,
        status=status,
        stage=stage,
        share=share,
        since=at,
        actor=event.actor,
        reason=event.reason,
        decision_id=getattr(event, "decision_id", None),
        allotment=state.allotment,
    )


def _refused(state: RolloutChanged, event: RolloutEvent, why: str) -> TransitionRefused:
    return TransitionRefused(
        f"{type(event).__name__} of rollout {state.spec.rollout_id!r} is refused: it is {state.status} "
        f"at stage {state.stage}, revision {state.revision}; {why}"
    )
