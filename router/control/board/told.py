"""What the page is told, as values: the answers of `/api`. Minus is worse, everywhere; fractions are in [0, 1]."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from router.control.access import Role
from router.control.board.answering import ArmTold
from router.control.board.judging import Agreement, Cost
from router.control.board.points import Step
from router.control.board.stages import StageTold
from telemetry.events import (
    Action,
    AdvancePolicy,
    Answer,
    Arm,
    ArmCount,
    AuditRef,
    CapabilityEvidence,
    JudgeAnchors,
    Message,
    Status,
    TextPolicy,
    Value,
)

StateName = Literal[
    "awaiting data",
    "below sample",
    "watching",
    "watch silent",
    "watch stopped",
    "no traffic",
    "judge stale",
    "judge drifted",
    "scores missing",
    "arms out of proportion",
    "guardrail failing",
    "drop found",
    "shadow",
    "paused",
    "promoted",
    "rolled back",
    "closed",
]
Tone = Literal["good", "wait", "warn", "bad", "over"]


class Verdict(Value):
    """The state of a rollout in a word, and one line of why. `tone` says how it is drawn."""

    name: StateName
    tone: Tone
    why: str


class Me(Value):
    """Who asks, as control knows them: no name where nobody signs in. `may` are the changes that they may ask for."""

    name: str
    role: Role
    may: tuple[str, ...]


class Source(Value):
    """Where the board's data comes from: `live`, `reading` what is there, or `away` with the reason."""

    state: Literal["live", "reading", "away"]
    why: str | None
    since: AwareDatetime


class Line(Value):
    """One rollout in the overview. `leading` is the capability with the most evidence, `evidence` M against `bar`.

    `spark` is M's path in a few points.
    """

    rollout_id: str
    route: str
    model_alias: str
    base: str
    candidate: str
    status: Status
    stage: int
    stages: tuple[float, ...]
    share: float
    revision: int
    since: AwareDatetime
    until: AwareDatetime | None
    verdict: Verdict
    leading: str | None
    evidence: float
    bar: float
    settled: int
    reported: AwareDatetime | None
    spark: tuple[float, ...]
    actions: tuple[str, ...]


class Wait(Value):
    """Something that waits for a person."""

    rollout_id: str | None
    what: str


class Pipeline(Value):
    """One worker: what it has done, when it was last heard of, and how old an interaction was when it was scored."""

    worker: str
    heard: AwareDatetime
    judge: str
    tagger: str
    interactions: int
    scored: int
    unscored: dict[str, int]
    waiting: int
    behind_s: float | None
    unknown_share: float | None
    unknown_grew: bool
    dead: int
    stands_by: bool


class Overview(Value):
    """All rollouts, newest first. `now` is control's clock: pages tell by it how old something is."""

    now: AwareDatetime
    source: Source
    rollouts: tuple[Line, ...]
    waits: tuple[Wait, ...]
    pipeline: tuple[Pipeline, ...]


class Capability(Value):
    """One capability, or a guardrail (`rail`). `evidence` is its part of M; `proven` its evidence for promotion.

    `estimate`, `low` and `high` are the change of its mean and what holds it at all times together with 95%.
    `mistagged` is the part of its tags that are likely others'.
    """

    name: str
    role: Literal["target", "adjacent"] | None
    rail: bool
    watched: bool
    unwatched: str | None
    judged_by: str
    weight: float
    threshold: float
    tolerated: float | None
    evidence: float
    proven: float | None
    control: ArmCount
    candidate: ArmCount
    pairs: int
    unscored: int
    estimate: float | None
    low: float | None
    high: float | None
    blamed: bool
    prompts: int | None
    mistagged: float | None


class Path(Value):
    """The points of a rollout by column: a value each moment, None where there was none yet.

    `traffic` counts the prompts of each capability until then, "" for none.
    """

    at: tuple[float, ...]
    settled: tuple[int, ...]
    share: tuple[float, ...]
    combined: tuple[float, ...]
    evidence: dict[str, tuple[float | None, ...]]
    traffic: dict[str, tuple[int | None, ...]]


class StepTold(Step):
    """A change of the state, when it was, and the share since."""

    at: float
    share: float


class DecisionLine(Value):
    """A decision in the list; the rest of it is at its own address."""

    decision_id: str
    at: AwareDatetime
    action: Action
    stage: int
    reason: str
    blamed: tuple[str, ...]


class Heavy(Value):
    """An interaction that moved the evidence. `readable` says whether its texts can be asked for."""

    interaction_id: str
    capability: str | None
    arm: Arm
    value: float | None
    other_value: float | None
    factor: float
    readable: bool


class Imbalance(Value):
    """How one group of subjects was assigned."""

    where: str
    units: int
    candidates: int
    expected: float
    e_value: float


class Rollout(Value):
    """One rollout, whole. In the stream `path` has its last moment alone. `people` is their part of alpha."""

    now: AwareDatetime
    line: Line
    advance: AdvancePolicy
    holdback: float
    shadow: float
    alpha: float
    audit: AuditRef
    actor: str
    reason: str
    capabilities: tuple[Capability, ...]
    promotion_bar: float | None
    untagged: int
    traffic: dict[str, int]
    judges: tuple[str, ...]
    missing: str | None
    anchors: tuple[JudgeAnchors, ...]
    imbalances: tuple[Imbalance, ...]
    last_score: AwareDatetime | None
    last_offset: int | None
    steps: tuple[StepTold, ...]
    path: Path
    decisions: tuple[DecisionLine, ...]
    heaviest: tuple[Heavy, ...]
    pipeline: tuple[Pipeline, ...]
    people: float
    agreements: tuple[Agreement, ...]
    costs: tuple[Cost, ...]
    arms: tuple[ArmTold, ...]
    pipeline_stages: tuple[StageTold, ...]


class Decision(Value):
    """A decision with its proof, in words and in numbers, and the command that makes it again."""

    rollout_id: str
    decision_id: str
    at: AwareDatetime
    action: Action
    stage: int
    reason: str
    words: tuple[str, ...]
    replay: str
    blamed: tuple[str, ...]
    evidence: tuple[CapabilityEvidence, ...]
    facts: dict[str, str]
    heaviest: tuple[str, ...]


class Texts(Value):
    """An interaction with both arms' answers, as far as its policy let them leave the router."""

    interaction_id: str
    rollout_id: str
    at: AwareDatetime
    text_policy: TextPolicy
    arm: Arm
    share: float
    stage: int
    subject: str
    model: str
    fallback: str | None
    client_left: bool
    messages: tuple[Message, ...]
    control: Answer | None
    candidate: Answer | None
    capability: str | None
    control_value: float | None
    candidate_value: float | None
    factor: float
