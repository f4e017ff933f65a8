"""What a rollout came to, computed from Kafka alone: the scores are folded again, in offset order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.reporting.against_truth import AgainstTruth, Known, against_truth
from telemetry import topics
from telemetry.bus.protocols import Bus, Record
from telemetry.events import (
    ArmCount,
    CapabilityEvidence,
    DecisionMade,
    InteractionRecorded,
    RolloutChanged,
    ScoreRecorded,
)
from telemetry.reading import Unreadable, read_events
from telemetry.score_batches import indexes, scores_of

_BAD_ANSWER = 0.5
_POINTS = 240


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Answers(_Frozen):
    """All scored answers of both arms in one capability, shadow answers and returning subjects included."""

    capability: str
    control: ArmCount
    candidate: ArmCount


class Point(_Frozen):
    """The evidence after `scored` interactions; `e_values` by capability, already times the weight.

    `share` is that of the newest stage met so far: requests that were under way when it changed come later.
    """

    scored: int
    share: float
    combined: float
    e_values: dict[str, float]


class Delays(_Frozen):
    """Milliseconds between the steps of a rollback; None where a step was not seen."""

    score_to_decision: float | None = None
    decision_to_router: float | None = None
    score_to_router: float | None = None


class Summary(_Frozen):
    """The closing summary of one rollout. `truth` is there where whoever sent the traffic knew what is right."""

    rollout_id: str
    candidate: str
    outcome: str
    reason: str
    blamed: tuple[str, ...]
    stages: tuple[float, ...]
    stage_reached: int
    interactions: int
    interactions_until_decision: int | None
    candidate_answers_until_decision: int | None
    bad_answers_served: int
    bad_answers_expected_of_base: float
    bar: float
    delays: Delays
    evidence: tuple[CapabilityEvidence, ...]
    answers: tuple[Answers, ...]
    points: tuple[Point, ...]
    truth: AgainstTruth | None = None


@dataclass(frozen=True, slots=True)
class RolloutRecords:
    """One rollout's records, each list in the order of the log."""

    interactions: int
    scores: list[tuple[Record, ScoreRecorded]]
    decisions: list[tuple[Record, DecisionMade]]
    changes: list[RolloutChanged]


def read_rollout(bus: Bus, rollout_id: str) -> RolloutRecords:
    """Read everything Kafka holds of one rollout, from the beginning to the end as of now."""
    wanted = (topics.INTERACTIONS, topics.SCORES, topics.DECISIONS, topics.ROLLOUTS)
    found = RolloutRecords(0, [], [], [])
    interactions: set[str] = set()
    with bus.reader(wanted) as reader:
        for record, event in read_events(reader, Unreadable()):
            if isinstance(event, InteractionRecorded) and event.rollout_id == rollout_id:
                interactions.add(event.event_id)
            elif event.key == rollout_id and (scores := scores_of(event)):
                found.scores.extend((record, score) for score in scores)
            elif isinstance(event, DecisionMade) and event.rollout_id == rollout_id:
                found.decisions.append((record, event))
            elif isinstance(event, RolloutChanged) and event.spec.rollout_id == rollout_id:
                found.changes.append(event)
    return RolloutRecords(len(interactions), found.scores, found.decisions, found.changes)


def summarise(records: RolloutRecords, router_applied_ns: int | None, known: Iterable[Known] = ()) -> Summary:
    """Fold the scores again and tell what happened.

    `router_applied_ns` is when the router read the rollout's last state (nanoseconds since the epoch). A bad
    answer is one that the candidate served in a watched adjacent capability and that scored below 0.5;
    what base would have got wrong of the same traffic is estimated from the control arm's share of them. `known` is
    the truth of the answers, where their receiver has it; nothing but the comparison looks at it.
    """
    last = max(records.changes, key=lambda change: change.revision)
    evidence = RolloutEvidence(last.spec)
    roll_back = next(((r, d) for r, d in records.decisions if d.action == "roll_back"), None)
    points, at_decision, candidate_then = [], None, None
    every = max(1, len(records.scores) // _POINTS)
    deciding = roll_back[1].proof.deciding_score if roll_back else None
    candidates, revision, share = 0, 0, 0.0
    numbers = indexes(record.offset for record, _ in records.scores)
    for number, ((record, score), index) in enumerate(zip(records.scores, numbers, strict=True), start=1):
        evidence.settle(score, record.partition, record.offset, index)
        candidates += score.assignment.arm == "candidate" and score.corrects is None
        if score.assignment.revision > revision:
            revision, share = score.assignment.revision, score.assignment.share
        if score.event_id == deciding:
            at_decision, candidate_then = number, candidates
        if number % every == 0 or number == at_decision:
            points.append(_point(number, share, evidence))
    judged = [score for _, score in records.scores if score.corrects is None]
    served, expected = _bad_answers(judged, evidence.summary())
    reached = max((score.assignment.stage for _, score in records.scores), default=0)
    truth = against_truth(known, judged)
    return Summary(
        rollout_id=last.spec.rollout_id,
        candidate=last.spec.candidate.name,
        outcome=last.status,
        reason=last.reason,
        blamed=roll_back[1].proof.blamed if roll_back else (),
        stages=tuple(stage.share for stage in last.spec.stages),
        stage_reached=reached,
        interactions=records.interactions,
        interactions_until_decision=at_decision,
        candidate_answers_until_decision=candidate_then,
        bad_answers_served=served,
        bad_answers_expected_of_base=expected,
        bar=1.0 / last.spec.alpha,
        delays=_delays(records, roll_back, router_applied_ns),
        evidence=evidence.summary(),
        answers=tuple(_answers(c.name, judged) for c in last.spec.capabilities),
        points=tuple(points),
        truth=truth if truth.known else None,
    )


def _point(number: int, share: float, evidence: RolloutEvidence) -> Point:
    weighted = {c.capability: c.weight * c.e_value for c in evidence.summary() if c.watched}
    return Point(scored=number, share=share, combined=evidence.e_value, e_values=weighted)


def _answers(capability: str, scores: Sequence[ScoreRecorded]) -> Answers:
    values: dict[str, list[float]] = {"control": [], "candidate": []}
    for score in scores:
        if score.capability != capability:
            continue
        arm = score.assignment.arm
        other = "control" if arm == "candidate" else "candidate"
        values[arm] += [] if score.value is None else [score.value]
        values[other] += [] if score.other_value is None else [score.other_value]
    return Answers(
        capability=capability, control=_count(values["control"]), candidate=_count(values["candidate"])
    )


def _count(values: Sequence[float]) -> ArmCount:
    return ArmCount(n=len(values), mean=sum(values) / len(values) if values else None)


def _bad_answers(
    scores: Sequence[ScoreRecorded], evidence: Sequence[CapabilityEvidence]
) -> tuple[int, float]:
    watched = {c.capability for c in evidence if c.watched}
    served, expected = 0, 0.0
    for name in watched:
        mine = [s for s in scores if s.capability == name and s.value is not None]
        by_candidate = [s for s in mine if s.assignment.arm == "candidate" and not s.failed]
        by_control = [s for s in mine if s.assignment.arm == "control"]
        served += sum(_is_bad(s) for s in by_candidate)
        if by_control:
            expected += len(by_candidate) * sum(_is_bad(s) for s in by_control) / len(by_control)
    return served, round(expected, 1)


def _is_bad(score: ScoreRecorded) -> bool:
    return score.value is not None and score.value < _BAD_ANSWER


def _delays(
    records: RolloutRecords, roll_back: tuple[Record, DecisionMade] | None, router_applied_ns: int | None
) -> Delays:
    if roll_back is None:
        return Delays()
    record, decision = roll_back
    scored = next((s for _, s in records.scores if s.event_id == decision.proof.deciding_score), None)
    scored_ms = scored.time.timestamp() * 1000 if scored else None
    applied_ms = router_applied_ns / 1e6 if router_applied_ns else None
    decided_ms = float(record.timestamp_ms)
    return Delays(
        score_to_decision=None if scored_ms is None else round(decided_ms - scored_ms, 1),
        decision_to_router=None if applied_ms is None else round(applied_ms - decided_ms, 1),
        score_to_router=None if applied_ms is None or scored_ms is None else round(applied_ms - scored_ms, 1),
    )
