"""What is told of an interaction's way, as values."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from telemetry.events import Action, Answer, Arm, Message, TextPolicy, Value

StageName = Literal[
    "assigned", "asked", "first byte", "answered", "spooled", "shadow", "on Kafka", "tagged", "judged", "counted",
    "decided",
]  # fmt: skip
StageState = Literal["done", "failed", "not", "waits"]


class WayStage(Value):
    """One stage. `at` is None where nobody wrote down when, `after_ms` is since the request came.

    `state`: `done`; `failed`, also where another had to do it; `not` where it does not come, as `what` says; `waits`
    where it has not come yet.
    """

    name: StageName
    state: StageState
    at: AwareDatetime | None = None
    after_ms: float | None = None
    what: str


class Fed(Value):
    """A decision whose evidence this score is part of. `why` says what makes it worth naming."""

    decision_id: str
    action: Action
    at: AwareDatetime
    why: Literal["first", "deciding", "weighed"]


class Way(Value):
    """One interaction. Its texts are None where `withheld` says why they are not shown.

    `control` and `candidate` are the arms' answers; without texts theirs are empty. `factor` is what it moved the
    evidence by, where it is among those that weighed most. `earlier` is an interaction of the same subject that was
    scored before.
    """

    interaction_id: str
    rollout_id: str
    at: AwareDatetime
    router: str
    endpoint: str
    model: str
    streamed: bool
    text_policy: TextPolicy
    arm: Arm
    share: float
    stage: int
    revision: int
    subject: str
    subject_source: str
    fallback: str | None
    client_left: bool
    request_id: str | None
    traceparent: str | None
    stages: tuple[WayStage, ...]
    fed: tuple[Fed, ...]
    capability: str | None
    control_value: float | None
    candidate_value: float | None
    factor: float | None
    earlier: str | None
    withheld: str | None
    messages: tuple[Message, ...] | None
    control: Answer | None
    candidate: Answer | None
