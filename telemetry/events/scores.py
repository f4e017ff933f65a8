"""What an answer is worth: by a judge, alone or with others in one record, or by a person."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field, model_validator

from telemetry import topics
from telemetry.events.base import Arm, Event, Fraction, LogPlace, Value
from telemetry.events.interactions import Assignment, ShadowDraw, SpoolPlace


class Judged(Value):
    """What a judge had said of both answers of a pair before people graded them; None where it gave no score."""

    value: Fraction | None
    other_value: Fraction | None


class AnchorJudged(Value):
    """What the judge `judge` said today of an answer that it scored in the audit (`expected`), asked beside a score.

    It says nothing of the candidate, and whether the judge is still the one that was measured. `capabilities` are all
    whose interactions that judge scores: where it changed, none of them has a say, whichever it was asked beside.
    """

    name: str
    judge: str
    expected: Fraction
    value: Fraction
    capabilities: tuple[str, ...] = Field(default=(), exclude_if=lambda capabilities: not capabilities)


class ScoreRecorded(Event):
    """The quality of one interaction. `value` is None exactly where `unscored` gives the reason, one of a few codes.

    `basis` says what the value rests on (the prompt, a reference, what an audit taught, a model ...); `judged_fraction`
    of such interactions are judged, chosen by their ids. `unscored_why` has a judge's own words where it failed.

    `other_value` is the score of the shadow answer, i.e. of the arm that was not assigned. An outcome that
    depends on the arm (time-out, refusal, upstream error) is a score of 0, never a missing value. It has `failed`, and
    so does an answer that a second replica of the arm gave, whose value is what that answer is worth.
    `event_id` is derived from the interaction, so that scoring twice is scoring once. `router` is the source
    of the interaction, so that a faulty assignment can be traced to it; `draw`, `spooled`, `traceparent` and `by_key`
    are the interaction's own, and `logged` is where `belay.interactions` held it. `prompt` is the digest of what was
    asked, where nothing else tells one client from another (`subject_source` is `request`). `anchor` is what the model
    that judges such interactions was asked beside this one, to see whether it changed; it is no part of this score.

    With `corrects` it is no interaction more: people graded both answers of one that was scored, `value` and
    `other_value` are their grades, and `corrects` is what `judge` had said. It comes behind the score, hours later.
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
    prompt: str | None = None
    traceparent: str | None = Field(default=None, exclude_if=lambda trace: trace is None)
    by_key: str | None = Field(default=None, exclude_if=lambda key: key is None)
    anchor: AnchorJudged | None = Field(default=None, exclude_if=lambda anchor: anchor is None)
    corrects: Judged | None = Field(default=None, exclude_if=lambda judged: judged is None)

    @model_validator(mode="after")
    def _a_correction_has_both_grades(self) -> ScoreRecorded:
        if self.corrects is not None and (self.value is None or self.other_value is None):
            raise ValueError("people's grades of a pair are two: value and other_value")
        return self


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
