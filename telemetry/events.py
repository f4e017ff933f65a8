"""The words on the wire: small frozen values in the past tense, one file.

Each event knows its CloudEvents type, its topic and its partition key; `telemetry.codec` does the rest.
Times are UTC. Durations are milliseconds. Scores are in [0, 1].
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from telemetry import topics

Arm = Literal["control", "candidate"]
SubjectSource = Literal["session", "end_user", "user", "api_key", "request"]
TextPolicy = Literal["full", "redacted", "hashed"]
Action = Literal["promote", "hold", "roll_back"]
Status = Literal["shadow", "ramping", "paused", "promoted", "rolled_back", "closed"]
AdvancePolicy = Literal["manual", "schedule", "evidence"]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
STAGE_DONE = "stage {stage} has done its part; waiting for the first scores of the next"
"""The reason of a hold after a stage's `promote`: control goes by it, nothing stands against that promotion."""
STALE_JUDGE = "calibration stale"
"""How the reason of a hold begins where a judge changed during the rollout."""


def new_id() -> str:
    """A fresh event id (UUID4, hex)."""
    return uuid.uuid4().hex


def derived_id(*parts: str) -> str:
    """An id that is the same whenever the same parts are given, so that a repeated effect is one effect."""
    return uuid.uuid5(uuid.NAMESPACE_OID, "\x1f".join(parts)).hex


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


class Value(BaseModel):
    """A frozen value that refuses unknown fields."""

    # An e-value may overflow to infinity; as JSON's null it could not be read back.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Event(Value):
    """Something that happened. `event_id` is what consumers deduplicate by."""

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]
    KEY: ClassVar[str]

    event_id: str = Field(default_factory=new_id)
    time: AwareDatetime = Field(default_factory=now)
    source: str

    @property
    def key(self) -> str:
        """The partition key: the value of the field that `KEY` names."""
        return str(attrgetter(self.KEY)(self))


# --- one request -------------------------------------------------------------------------------------


class Message(Value):
    """One chat turn, text only; other content parts are kept as their JSON text."""

    role: str
    content: str


class Assignment(Value):
    """Which arm a subject was given, and the share in force when it was given.

    `subject` is the salted BLAKE2b digest of the identity (hex), never the identity itself.
    """

    subject: str
    subject_source: SubjectSource
    arm: Arm
    share: Fraction
    stage: int
    revision: int


CUT_BY_ROUTER: Final = "the router stopped before the answer was complete"
"""The `error` of an answer that its engine may well have ended: it is nobody's failure."""


class Answer(Value):
    """What one engine answered. `error` is set, and `text` empty, where it did not."""

    served_by: Arm
    status: int
    text: str
    finish_reason: str | None = None
    tool_calls: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_byte_ms: float | None = None
    total_ms: float
    error: str | None = None


class ShadowDraw(Value):
    """How it was settled whether the other arm is asked too: from the prompt alone, before any answer was seen.

    `fraction` is the chance that this prompt had, `capability` what the router took it for (None where it has no
    word table, or that is not sure). An interaction that was drawn is a pair or nothing, never a unit.
    """

    capability: str | None
    fraction: Fraction
    drawn: bool


class SpoolPlace(Value):
    """Where the spool of a router held a record; places of one spool grow in the order in which it was written.

    `spool` is the id of the folder, which it was given when it was made: a router that lost its disk has another.
    """

    spool: Annotated[str, Field(min_length=1, max_length=64)]
    segment: int = Field(ge=0)
    offset: int = Field(ge=0)


class LogPlace(Value):
    """Where a topic holds a record."""

    partition: int = Field(ge=0)
    offset: int = Field(ge=0)


class InteractionRecorded(Event):
    """One request and its response, with who served it.

    `fallback` names why base answered for a candidate that failed before its first byte. `shadow` is the other arm's
    answer to the same request, where it has been joined with its `ShadowAnswered`; routers before those recorded it
    here. `draw` is absent where the interaction
    had no chance of a shadow, whatever its prompt. `spooled` is where the router's spool held it, by which what was
    sent twice is known.
    """

    TYPE = "belay.interaction.recorded"
    TOPIC = topics.INTERACTIONS
    KEY = "assignment.subject"

    rollout_id: str
    assignment: Assignment
    endpoint: Literal["chat", "completions"]
    model: str
    streamed: bool
    text_policy: TextPolicy
    messages: tuple[Message, ...]
    parameters: dict[str, Any] = Field(default_factory=dict)
    answer: Answer
    fallback: str | None = None
    client_left: bool = False
    shadow: Answer | None = None
    draw: ShadowDraw | None = None
    spooled: SpoolPlace | None = None


class ShadowAnswered(Event):
    """The other arm's answer to an interaction that was drawn for a shadow; it follows the interaction (same key).

    `event_id` is derived from the interaction's; `time` is when the answer ended, or failed, or was waited for no
    longer. An interaction that was drawn and is followed by none lost it: its router was killed.
    """

    TYPE = "belay.shadow.answered"
    TOPIC = topics.INTERACTIONS
    KEY = "assignment.subject"

    interaction_id: str
    rollout_id: str
    assignment: Assignment
    text_policy: TextPolicy
    shadow: Answer
    spooled: SpoolPlace | None = None


class ScoreRecorded(Event):
    """The quality of one interaction. `value` is None exactly where `unscored` gives the reason, one of a few codes.

    `basis` says what the value rests on (the prompt, a reference, what an audit taught, a model ...); `judged_fraction`
    of such interactions are judged, chosen by their ids. `unscored_why` has a judge's own words where it failed.

    `other_value` is the score of the shadow answer, i.e. of the arm that was not assigned. An outcome that
    depends on the arm (time-out, refusal, upstream error) is a score of 0, never a missing value.
    `event_id` is derived from the interaction, so that scoring twice is scoring once. `router` is the source
    of the interaction, so that a faulty assignment can be traced to it; `draw` and `spooled` are the interaction's own,
    and `logged` is where `belay.interactions` held it.
    """

    TYPE = "belay.score.recorded"
    TOPIC = topics.SCORES
    KEY = "rollout_id"

    rollout_id: str
    interaction_id: str
    interaction_time: AwareDatetime
    assignment: Assignment
    capability: str | None
    tag_confidence: float
    value: Fraction | None
    unscored: str | None = None
    unscored_why: str | None = None
    other_value: Fraction | None = None
    judge: str
    basis: str | None = None
    judged_fraction: Fraction = 1.0
    refused: bool = False
    failed: bool = False
    total_ms: float | None = None
    router: str | None = None
    draw: ShadowDraw | None = None
    spooled: SpoolPlace | None = None
    logged: LogPlace | None = None


class ScoresRecorded(Event):
    """Scores of one rollout that left the scorer together, in the order in which they are folded.

    One record for many: a client of Kafka spends more on a record than the evidence on a score.
    """

    TYPE = "belay.scores.recorded"
    TOPIC = topics.SCORES
    KEY = "rollout_id"

    rollout_id: str
    scores: tuple[ScoreRecorded, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _of_one_rollout(self) -> ScoresRecorded:
        strangers = {s.rollout_id for s in self.scores} - {self.rollout_id}
        if strangers:
            raise ValueError(f"scores of {', '.join(sorted(strangers))} among those of {self.rollout_id}")
        return self


class AnswerGraded(Event):
    """What a person says one answer is worth, without having been told which arm gave it.

    `arm` is the arm that answered: the record knows it, the person does not. `sampled_fraction` of the interactions of
    `capability` were shown, chosen by their ids. `event_id` is derived from interaction, arm and grader: of several
    grades with one id the last one counts, so that grading again replaces.
    """

    TYPE = "belay.answer.graded"
    TOPIC = topics.GRADES
    KEY = "rollout_id"

    rollout_id: str
    interaction_id: str
    capability: str
    arm: Arm
    grade: Fraction
    grader: Annotated[str, Field(min_length=1, max_length=100)]
    sampled_fraction: Annotated[float, Field(gt=0.0, le=1.0)]
    note: Annotated[str, Field(max_length=500)] = ""


# --- the rollout -------------------------------------------------------------------------------------


class CapabilityWatch(Value):
    """What the test needs to know of one capability, its judge's error included.

    `threshold` is what the test uses; `tolerated` is the brief's own where the error of `judged_by` moved it. A true
    drop of `margin` shows as at least `judged_margin(margin)`. A capability that is not watched says why in
    `unwatched`; where it `holds`, a drop that its judge sees holds the rollout, which no evidence then promotes, and
    does not roll it back.
    """

    name: str
    role: Literal["target", "adjacent"]
    threshold: Annotated[float, Field(gt=0.0, lt=1.0)]
    weight: Annotated[float, Field(ge=0.0, le=1.0)]
    watched: bool = True
    judged_by: str = "program"
    tolerated: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    judge_power: Fraction = 1.0
    judge_hides: Annotated[float, Field(ge=0.0, le=2.0)] = 0.0
    unwatched: str | None = None
    holds: bool = False

    @model_validator(mode="after")
    def _what_only_holds_is_not_watched(self) -> CapabilityWatch:
        if self.holds and self.watched:
            raise ValueError(f"capability {self.name!r}: what only holds is not watched")
        return self

    def judged_margin(self, margin: float | None) -> float | None:
        """What the promotion test has to prove of judged scores to prove `margin`, or what is tolerated (None).

        None where the judge's error may hide as much.
        """
        own = self.threshold if self.tolerated is None else self.tolerated
        shown = self.judge_power * (own if margin is None else margin) - self.judge_hides
        return shown if shown > 0.0 else None


class Stage(Value):
    """A step of the rollout. `min_units` scored units must settle in it before it may be promoted.

    A first stage of share 0 is the shadow: no user sees the candidate, whose answers come from shadows alone.
    `margin` is the non-inferiority margin of the promotion test in this stage (policy `evidence`). The machine leaves
    it after `min_hours` at the earliest, counted from when it began or was resumed.
    """

    share: Fraction
    min_units: int = Field(default=0, ge=0)
    min_hours: float = Field(default=0.0, ge=0.0, le=8760.0, exclude_if=lambda hours: hours == 0.0)
    margin: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None


class Guardrail(Value):
    """What must not get worse over all traffic: errors, refusals, or latency.

    Each is a score in [0, 1]: 1 for an answer without error (or refusal), 1 - total_ms/limit_ms, cut at 0, for
    latency. `threshold` is the largest drop of its mean that is tolerated.
    """

    kind: Literal["errors", "refusals", "latency"]
    threshold: Annotated[float, Field(gt=0.0, lt=1.0)]
    limit_ms: Annotated[float, Field(gt=0.0)] | None = None

    @model_validator(mode="after")
    def _latency_has_a_limit(self) -> Guardrail:
        if (self.kind == "latency") != (self.limit_ms is not None):
            raise ValueError(f"guardrail {self.kind!r}: limit_ms is for latency, and latency needs it")
        return self


Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]


class Window(Value):
    """When the machine promotes nothing: on `days` from `begin` to `end`, by the clocks of the time zone `zone`.

    One that ends before it begins goes on past midnight; its days are those on which it begins.
    """

    days: tuple[Day, ...] = DAYS
    begin: Clock = "00:00"
    end: Clock = "24:00"
    zone: str = "UTC"

    @field_validator("begin", "end", mode="before")
    @classmethod
    def _as_yaml_reads_it(cls, value: object) -> object:
        """YAML takes 18:30 for a number, of base 60."""
        return f"{value // 60:02}:{value % 60:02}" if isinstance(value, int) else value


class Blind(Value):
    """What becomes of a rollout whose watch sees nothing for `after_minutes`: no scores, a stale judge, a lag."""

    after_minutes: Annotated[float, Field(gt=0.0, le=525_600.0)]
    then: Literal["pause"] = "pause"


class ModelRef(Value):
    """A model as served: its folder's name and the hash in its manifest."""

    name: str
    sha256: str


class AuditRef(Value):
    """The audit that stands behind a rollout: who approved it where it passed, who overrode it where it did not."""

    verdict: Literal["pass", "fail", "inconclusive"]
    sha256: str
    approved_by: str | None = None
    override_by: str | None = None
    override_reason: str | None = None


class RolloutSpec(Value):
    """Everything about a rollout that is fixed when it starts. Weights over watched capabilities sum to 1.

    What came later and is not used is not written, so that versions of before read it, and its hash is what it was.
    """

    rollout_id: str
    model_alias: str
    base: ModelRef
    candidate: ModelRef
    salt: str
    capabilities: tuple[CapabilityWatch, ...]
    stages: tuple[Stage, ...]
    advance: AdvancePolicy = "evidence"
    alpha: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.01
    alpha_promote: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.05
    shadow: Fraction = 0.0
    holdback: Fraction = 0.02
    rollback_window_days: int = 30
    guardrails: tuple[Guardrail, ...] = ()
    windows: tuple[Window, ...] = Field(default=(), exclude_if=lambda windows: windows == ())
    blind: Blind | None = Field(default=None, exclude_if=lambda blind: blind is None)
    brief_sha256: str
    audit: AuditRef


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


# --- the decision ------------------------------------------------------------------------------------


class ArmCount(Value):
    """Units of one arm in one capability, and their mean score (None where there are none)."""

    n: int
    mean: float | None


class CapabilityEvidence(Value):
    """What the sequential test knows about one capability. `e_value` is E_k of statistics.md.

    `threshold` is the one that the test uses, `tolerated` the brief's own where a judge's error moved it. Where the
    capability is not watched, `unwatched` says why. Under `missing:scores` the counts are of scores that were due,
    and the means are the part of them that came.
    """

    capability: str
    watched: bool
    threshold: float
    weight: float
    e_value: float
    control: ArmCount
    candidate: ArmCount
    pairs: int
    pair_gap: float | None
    unscored: int
    judged_by: str = "program"
    tolerated: float | None = None
    unwatched: str | None = None


class Proof(Value):
    """What `belay replay` needs to come to the same decision."""

    test: str
    e_value: float
    bar: float
    blamed: tuple[str, ...]
    evidence: tuple[CapabilityEvidence, ...]
    topic: str
    partition: int
    first_offset: int
    last_offset: int
    scores_sha256: str
    brief_sha256: str
    settings_sha256: str
    judges: tuple[str, ...]
    heaviest: tuple[str, ...]
    deciding_score: str


class DecisionMade(Event):
    """`promote`, `hold` or `roll_back`, with its proof.

    `time` is the deciding score's time and `event_id` is derived from it, so that a replay gives the same
    bytes; when it was emitted is the Kafka record's timestamp. A `hold` says where the next shadows should go
    (`allotment`), as far as the routers tell capabilities apart.
    """

    TYPE = "belay.decision.made"
    TOPIC = topics.DECISIONS
    KEY = "rollout_id"

    rollout_id: str
    action: Action
    reason: str
    stage: int
    proof: Proof
    allotment: Allotment | None = None


class SnapshotTaken(Event):
    """The evidence of one rollout after `offset`, whole, as state versions up to 6 wrote it.

    Not written any more; who finds only this folds the scores from the beginning.
    """

    TYPE = "belay.snapshot.taken"
    TOPIC = topics.SNAPSHOTS
    KEY = "rollout_id"

    rollout_id: str
    partition: int
    offset: int
    state: dict[str, Any]


class SnapshotHead(Event):
    """A part of a snapshot of one rollout's evidence after `offset`: all of it but whom it met (`SubjectsMet`).

    `text` is a part of `RolloutEvidence.to_snapshot` as JSON; the `parts` parts of a slot belong together where the
    whole has the hash `sha256`. Two slots take turns, so that one is whole while the other is written. `topic_id` is
    that of `belay.scores`, where the broker names one: a topic that began anew has another.
    """

    TYPE = "belay.snapshot.head"
    TOPIC = topics.SNAPSHOTS
    KEY = "place"

    rollout_id: str
    slot: Literal["a", "b"]
    part: int = Field(ge=0)
    parts: int = Field(ge=1)
    sha256: str
    partition: int
    offset: int
    topic_id: str | None
    text: str

    @property
    def place(self) -> str:
        """What it replaces: the same part of the snapshot that its slot held before."""
        return f"{self.rollout_id}/{self.slot}/{self.part}"


class SubjectsMet(Event):
    """Entries about subjects that one rollout's evidence met, from entry `start` on, in order; snapshots count on them.

    `entries` are `evidence.units.ENTRY` each, as base64. A chunk is written in parts as it grows, and when it is full
    once more as part 0, for which the others are withdrawn.
    """

    TYPE = "belay.snapshot.subjects"
    TOPIC = topics.SNAPSHOTS
    KEY = "place"

    rollout_id: str
    chunk: int = Field(ge=0)
    part: int = Field(ge=0)
    start: int = Field(ge=0)
    entries: str

    @property
    def place(self) -> str:
        """What it replaces: the same part of the same chunk."""
        return f"{self.rollout_id}/met/{self.chunk}/{self.part}"


class DeciderMarked(Event):
    """How far a decider has read `belay.scores`, and where those rollouts begin that nobody has announced yet.

    `topic_id` as in `SnapshotHead`: what is said of another topic of that name is nothing. `saved` has for each rollout
    how many scores its last snapshot holds, and the offset of the first record that it does not hold: rollouts whose
    scores are rare are not read again from their last snapshot on.
    """

    TYPE = "belay.decider.marked"
    TOPIC = topics.SNAPSHOTS
    KEY = "place"

    topic_id: str | None
    read_to: tuple[LogPlace, ...]
    unannounced: dict[str, LogPlace] = Field(default_factory=dict)
    saved: dict[str, tuple[int, int]] = Field(default_factory=dict)

    @property
    def place(self) -> str:
        """There is one."""
        return "decider"


class Change(Value):
    """By how much the candidate's mean score differs from control's in one capability: minus is worse.

    `low` and `high` hold the true change at all times together with 95% (an asymptotic confidence sequence); the
    decisions rest on the e-values, not on this.
    """

    capability: str
    estimate: float
    low: float
    high: float


class Weighed(Value):
    """An interaction that moved M by the factor `factor`, up or down. `logged` is where its score says that it lies."""

    interaction_id: str
    factor: float
    capability: str | None
    arm: Arm
    value: float | None
    other_value: float | None
    logged: LogPlace | None = None


class Imbalanced(Value):
    """How subjects of one source or router were assigned, beside what the shares call for."""

    where: str
    units: int
    candidates: int
    expected: float
    e_value: float


class WatchReported(Event):
    """What the watch knows of one rollout at this moment, for people; a decision has its proof with it instead.

    `last_score` is when the last folded score was made, `stopped` why nothing more can be settled. `promotion` is each
    capability's evidence against a drop of this stage's margin, to be promoted at `promotion_bar`. `traffic` counts
    tags of prompts that had a chance of a shadow, "" for none.
    """

    TYPE = "belay.watch.reported"
    TOPIC = topics.WATCH
    KEY = "rollout_id"

    rollout_id: str
    stage: int
    settled: int
    untagged: int
    e_value: float
    bar: float
    evidence: tuple[CapabilityEvidence, ...]
    changes: tuple[Change, ...]
    promotion: dict[str, float]
    promotion_bar: float
    traffic: dict[str, int]
    imbalances: tuple[Imbalanced, ...]
    missing: str | None
    judges: tuple[str, ...]
    heaviest: tuple[Weighed, ...]
    last_score: AwareDatetime | None
    last_offset: int
    last_decision: str | None
    stopped: str | None


class WorkerReported(Event):
    """What one worker has done since it began. `worker` names its process; `unscored` counts codes.

    `behind_s` is how old the last interaction was when it was scored. One that `stands_by` leaves decisions to another.
    """

    TYPE = "belay.worker.reported"
    TOPIC = topics.WATCH
    KEY = "worker"

    worker: str
    judge: str
    tagger: str
    interactions: int
    scored: int
    unscored: dict[str, int]
    waiting: int
    unknown_share: float | None
    unknown_grew: bool
    behind_s: float | None
    dead: int
    duplicates: int
    late: int
    stands_by: bool
    refused: dict[str, str]
    unannounced: tuple[str, ...]


class DeadLettered(Event):
    """A record that could not be used: where it lay, why, and its bytes (base64)."""

    TYPE = "belay.record.dead-lettered"
    TOPIC = topics.DEAD_LETTERS
    KEY = "source"

    topic: str
    partition: int
    offset: int
    reason: str
    payload: str


EVENTS: tuple[type[Event], ...] = (
    InteractionRecorded,
    ShadowAnswered,
    ScoreRecorded,
    ScoresRecorded,
    AnswerGraded,
    RolloutChanged,
    DecisionMade,
    SnapshotTaken,
    SnapshotHead,
    SubjectsMet,
    DeciderMarked,
    WatchReported,
    WorkerReported,
    ChangeAudited,
    DeadLettered,
)
