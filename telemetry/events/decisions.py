"""`promote`, `hold` or `roll_back`, with its proof."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from telemetry import topics
from telemetry.events.base import Action, Event, Value
from telemetry.events.rollouts import Allotment

STAGE_DONE = "stage {stage} has done its part; waiting for the first scores of the next"
"""The reason of a hold after a stage's `promote`: control goes by it, nothing stands against that promotion."""
STALE_JUDGE = "calibration stale"
"""How the reason of a hold begins where a judge changed during the rollout."""

JUDGE_DRIFTED = "judge drifted"
"""How the reason of a hold begins where a judge scores known answers otherwise than it did."""


class ArmCount(Value):
    """Units of one arm in one capability, and their mean score (None where there are none)."""

    n: int
    mean: float | None


class PeopleSay(Value):
    """What people's grades of `pairs` pairs have told of one capability.

    `gap` is their mean gap, control - candidate, and `e_value` the evidence of a drop that follows from them.
    `judge_adds` is the mean of judged gap - graded gap; a judge that adds more than its gold says is refuted, and from
    then on its scores are no evidence.
    """

    pairs: int
    gap: float | None
    judge_adds: float | None
    e_value: float
    judge_refuted: bool

    def told(self) -> str:
        """In a few words, for people."""
        if not self.pairs:
            return "no pair graded by people yet"
        pairs = "1 graded pair" if self.pairs == 1 else f"{self.pairs} graded pairs"
        off = "" if self.judge_adds is None else f", its gap is off by {100 * self.judge_adds:+.0f} points"
        refuted = ", refuted: its scores are no evidence" if self.judge_refuted else ""
        return f"corrected by {pairs}{off}{refuted} (their evidence: {self.e_value:.3g})"


class Apart(Value):
    """Whose drop: what of E_k units alone (`subjects`, one a subject) and pairs alone (`traffic`) have made.

    The rest of E_k was bet on both together.
    """

    subjects: float
    traffic: float

    def mostly(self, whole: float) -> Literal["subjects", "traffic"] | None:
        """Whose own test has made more than half of the evidence `whole`; None for neither."""
        if 2.0 * self.subjects > whole:
            return "subjects"
        return "traffic" if 2.0 * self.traffic > whole else None


class CapabilityEvidence(Value):
    """What the sequential test knows about one capability. `e_value` is E_k of statistics.md.

    `threshold` is the one that the test uses, `tolerated` the brief's own where a judge's error moved it. Where the
    capability is not watched, `unwatched` says why; `people` is there where their grades are evidence, `apart` once
    units and pairs have come. Under `missing:scores` the counts are of scores that were due, and the means are the part
    of them that came. `set_aside` counts pairs, and units of nobody in particular, that did not count since the same
    subject or prompt had its part of the evidence, and whatever did not since the same API key had.
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
    set_aside: int = 0
    people: PeopleSay | None = Field(default=None, exclude_if=lambda people: people is None)
    apart: Apart | None = Field(default=None, exclude_if=lambda apart: apart is None)


class JudgeAnchors(Value):
    """What a judging model makes of answers that it had scored in the audit (anchors), asked again since.

    `shift` is the mean of score today - score then; `e_value` is the evidence that the judge changed. One that
    `drifted` has no say any more in its `capabilities`.
    """

    judge: str
    anchors: int
    shift: float
    e_value: float
    bar: float
    drifted: bool
    capabilities: tuple[str, ...]

    def told(self) -> str:
        """In a few words, for people."""
        return f"{self.judge} scores {self.anchors} known answers {100 * self.shift:+.1f} points otherwise than it did"


class Proof(Value):
    """What `belay replay` needs to come to the same decision. `anchors` is there where judges had some."""

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
    anchors: tuple[JudgeAnchors, ...] = Field(default=(), exclude_if=lambda anchors: anchors == ())


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
