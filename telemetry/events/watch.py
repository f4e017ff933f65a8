"""What the watch and its workers say of themselves, for people; no decision rests on it."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AwareDatetime, Field, field_validator

from telemetry import topics
from telemetry.events.base import Arm, Event, LogPlace, Value
from telemetry.events.decisions import CapabilityEvidence, JudgeAnchors

MOST_OF_CURRENCY: Final = 8


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
    tags of prompts that had a chance of a shadow, "" for none. `mistagged` is, by capability, the part of its tags that
    are likely others': 1 less the mean of the tagger's confidence. `anchors` says of each judging model that had some
    whether it is still the one that was measured.
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
    mistagged: dict[str, float] = Field(default_factory=dict)
    imbalances: tuple[Imbalanced, ...]
    missing: str | None
    judges: tuple[str, ...]
    heaviest: tuple[Weighed, ...]
    last_score: AwareDatetime | None
    last_offset: int
    last_decision: str | None
    stopped: str | None
    anchors: tuple[JudgeAnchors, ...] = Field(default=(), exclude_if=lambda anchors: anchors == ())


class ArmAnswers(Value):
    """What became of one arm's own answers (no shadows) in one rollout: how many came, failed, and were refusals.

    `seconds` counts the whole answers that did not fail by how long they took, by the upper bound of each bucket
    (`telemetry.buckets`), with their sum.
    """

    rollout_id: str
    arm: Arm
    answers: int
    failed: int
    refused: int
    seconds: dict[str, int]


class JudgeTokens(Value):
    """Tokens of the `metered` replies of a judging model, whose server said how many; of the `unmetered` it did not."""

    prompt: int
    completion: int
    metered: int
    unmetered: int


class TokenPrice(Value):
    """What a judging model takes, in `currency`, for a million tokens that it reads (prompt) and writes (completion).

    >>> TokenPrice(prompt=0.5, completion=2.0, currency="EUR").of(prompt=3_000_000, completion=500_000)
    2.5
    """

    prompt: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    completion: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    currency: str

    @field_validator("currency")
    @classmethod
    def _label(cls, currency: str) -> str:
        if not 1 <= len(currency) <= MOST_OF_CURRENCY or not currency.isprintable() or " " in currency:
            raise ValueError(
                f"a currency is a label of 1 to {MOST_OF_CURRENCY} characters without blanks, such as EUR"
            )
        return currency

    def of(self, *, prompt: int, completion: int) -> float:
        """What so many tokens cost."""
        return (prompt * self.prompt + completion * self.completion) / 1e6


class JudgeAsked(Value):
    """Questions to one judging model, by how they ended, and how long all of them together took.

    `tokens` is None where the worker does not count them, `price` where nobody told it one.
    """

    judge: str
    ended: dict[str, int]
    seconds: float
    tokens: JudgeTokens | None = None
    price: TokenPrice | None = None


class WorkerReported(Event):
    """What one worker has done since it began. `worker` names its process; `unscored` counts codes.

    `behind_s` is how old the last interaction was when it was scored. One that `stands_by` leaves decisions to another.
    `arms` and `judges` are counts of the process; `scorer_lag` and `decider_lag` are records that wait in the log for
    either, None where nobody knows. `sent_s` is how long after its answer the last interaction was in Kafka: what the
    router's spool and the forwarder took, by the clocks of both.
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
    arms: tuple[ArmAnswers, ...] = ()
    judges: tuple[JudgeAsked, ...] = ()
    scorer_lag: int | None = None
    decider_lag: int | None = None
    sent_s: float | None = None
