"""A rollout's state after a transition, and who asked for what."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from telemetry import topics
from telemetry.events.base import WHOLE, Event, Fraction, Status, Value
from telemetry.events.specs import RolloutSpec


class Allotment(Value):
    """The fraction of each capability's prompts that both arms answer; `otherwise` is for all other prompts.

    `settled` is the number of scores that it follows from: of two, the one with more stands.
    """

    settled: int
    by_capability: dict[str, Fraction]
    otherwise: Fraction


class RolloutChanged(Event):
    """The rollout's state after a transition; the whole state, so that the latest one is enough.

    `share` is the fraction of subjects that the candidate has now; `revision` grows by one a transition, and
    `since` is when the status or the stage last changed. Without an `allotment` shadows are drawn evenly, by
    `spec.shadow`.
    """

    TYPE = "belay.rollout.changed"
    TOPIC = topics.ROLLOUTS
    KEY = "spec.rollout_id"
    EXACT = "spec"

    spec: RolloutSpec
    revision: int
    status: Status
    stage: int
    share: Fraction
    since: AwareDatetime
    actor: str
    reason: str
    decision_id: str | None = None
    allotment: Allotment | None = None

    @property
    def live(self) -> bool:
        """Whether the candidate may still get traffic: models are pinned, shadows drawn, a rollback possible."""
        return self.status in ("shadow", "ramping", "paused", "promoted")

    @property
    def before(self) -> int | None:
        """The revision that this transition changed, None where it is the start."""
        return self.revision - 1 or None

    @property
    def occupies(self) -> bool:
        """Whether subjects would lose their model, or a watch its rollout, if another rollout took this one's place."""
        return self.live or self.share > 0.0


class ChangeAudited(Event):
    """A line of control's audit log: a change of a rollout, or something that was refused.

    `what` is the change of status, or the request. `role` is None and `origin` "control" where the machine acted by
    itself; `reason` is why it was done or refused. `before` and `after` are revisions. `unwritten` counts refusals of
    unknown people before it that have no line. `number`, `previous` and `sha256` chain the lines
    (`router.control.audit_chain`).
    """

    TYPE = "belay.change.audited"
    TOPIC = topics.AUDIT_LOG
    KEY = "rollout_id"
    EXACT = WHOLE  # its hash is over all of it

    number: int = Field(ge=1)
    previous: str
    sha256: str
    rollout_id: str
    what: str
    outcome: Literal["changed", "refused"]
    actor: str
    role: str | None
    origin: str
    reason: str
    before: int | None = None
    after: int | None = None
    share: Fraction | None = None
    decision_id: str | None = None
    unwritten: int = 0
