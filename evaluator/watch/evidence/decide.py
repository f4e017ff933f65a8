"""What to do about the evidence: `promote`, `hold` or `roll_back`, each with its proof.

The machine may always roll back; it promotes only where the rollout's policy says so; no data is no good
news. A decision is a function of the scores settled so far: its time is the deciding score's, its id is
derived, so whoever folds the same scores makes the same bytes.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from evaluator.watch.evidence.allocation import next_allotment
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.state import RUN_LENGTH
from telemetry import topics
from telemetry.events import (
    JUDGE_DRIFTED,
    STAGE_DONE,
    STALE_JUDGE,
    Action,
    DecisionMade,
    Proof,
    RolloutSpec,
    derived_id,
)

SOURCE = "belay/evaluator"
HOLD_EVERY = 200
"""Settled scores between two `hold` decisions: often enough to tell why nothing moves, rarely otherwise."""
HOLD_RARER = 10_000
"""Scores after which holds come half as often, and again whenever there are twice as many: a decision has its proof
with it, and a year of them must fit into a topic."""
HOLD_AT_LEAST = 12_800
"""They never come more rarely than that, since they also say where shadows go."""
DROP_TEST = "betting e-process, drop beyond the threshold (docs/statistics.md)"
GRADES_TEST = (
    "prediction-powered e-process of people's grades, drop beyond what is tolerated (docs/statistics.md)"
)
AFTER_TEST = "Shiryaev-Roberts e-detector after the full rollout (docs/statistics.md)"
MISSING_TEST = "missing-score e-process: scores are missing for both arms alike (docs/statistics.md)"
DRIFT_TEST = "anchor e-process: the judge scores known answers as it did (docs/statistics.md)"
RATIO_TEST = "sample-ratio e-process: arms follow the share (docs/statistics.md)"
PROMOTION_TEST = "betting e-process, drop below the stage's margin (docs/statistics.md)"


def decide(evidence: RolloutEvidence) -> DecisionMade | None:
    """The decision due after the last settled score, or None.

    Call it after each `settle` that returned True, and once after `from_snapshot` (a worker may have died
    between its snapshot and its decision). Repeated at the same score it gives the same decision again.
    """
    if evidence.last_score is None:
        return None
    found = _why_roll_back(evidence)
    if found is not None:
        test, reason = found
        return _once(evidence, "roll_back", "roll_back", reason, test)
    warned = _warning(evidence)
    if warned is not None:
        return warned
    stage = evidence.stage
    still = _why_not_promote(evidence, stage)
    if not still:
        promoted = _once(
            evidence, f"promote:{stage}", "promote", _why_promote(evidence, stage), PROMOTION_TEST
        )
        if promoted is not None:
            return promoted
        still = STAGE_DONE.format(stage=stage)
    if evidence.settled % hold_every(evidence.settled) == 0:
        return _decision(evidence, "hold", still, _test_of_hold(evidence))
    return None


def _test_of_hold(evidence: RolloutEvidence) -> str:
    if evidence.anchors.found:
        return DRIFT_TEST
    return MISSING_TEST if evidence.missing.proven else DROP_TEST


def hold_every(settled: int) -> int:
    """Scores between two holds once so many have settled."""
    doublings = (settled // HOLD_RARER).bit_length()
    return min(HOLD_EVERY << doublings, HOLD_AT_LEAST)


def promotion_bar(spec: RolloutSpec) -> float:
    """What the evidence of every capability has to reach in a stage: alpha_promote is shared out over the stages."""
    return len(spec.stages) / spec.alpha_promote


def stopped(evidence: RolloutEvidence, reason: str, since: datetime) -> DecisionMade:
    """The `hold` of evidence that cannot go on. Before its first score it has the time `since`.

    It follows from no score, but from what happened to them, so no replay makes it.
    """
    decision = _decision(evidence, "hold", f"the watch stopped: {reason}", DROP_TEST, since)
    return decision.model_copy(update={"event_id": derived_id(decision.event_id, "stopped", reason)})


def settings_sha256(spec: RolloutSpec) -> str:
    """Hash of everything that was fixed when the rollout started."""
    return hashlib.sha256(spec.model_dump_json().encode()).hexdigest()


def _once(evidence: RolloutEvidence, key: str, action: Action, reason: str, test: str) -> DecisionMade | None:
    """The decision where it falls due for the first time, or falls due again at the very same score."""
    at = evidence.emitted.setdefault(key, evidence.settled)
    return _decision(evidence, action, reason, test) if at == evidence.settled else None


def _why_roll_back(evidence: RolloutEvidence) -> tuple[str, str] | None:
    """The test that says so and its reason; None where none does. A broken assignment comes first."""
    if evidence.ratio.broken:
        return RATIO_TEST, f"stop: {evidence.ratio.explain()}"
    if evidence.breached:
        return GRADES_TEST if evidence.proven_by_people else DROP_TEST, _why_breached(evidence)
    if evidence.broke_after_rollout:
        leading = ", ".join(evidence.leading())
        return (
            AFTER_TEST,
            f"a drop after the full rollout (most evidence: {leading}): R = {evidence.late:.4g} of {RUN_LENGTH:.4g}",
        )
    return None


def _warning(evidence: RolloutEvidence) -> DecisionMade | None:
    """The `hold` that says at once, and once, that something was proven which never rolls back."""
    if evidence.anchors.found:
        key = f"drifted:{','.join(evidence.anchors.drifted())}"
        found = _once(evidence, key, "hold", _why_drifted(evidence), DRIFT_TEST)
        if found is not None:
            return found
    if evidence.missing.proven:
        found = _once(evidence, "missing", "hold", evidence.missing.explain(), MISSING_TEST)
        if found is not None:
            return found
    if evidence.held():
        found = _once(evidence, "held", "hold", _why_held(evidence), DROP_TEST)
        if found is not None:
            return found
    if refuted := evidence.refuted():
        return _once(evidence, f"refuted:{','.join(refuted)}", "hold", _why_refuted(refuted), GRADES_TEST)
    return None


def _why_drifted(evidence: RolloutEvidence) -> str:
    return f"{JUDGE_DRIFTED}: {evidence.anchors.explain()}"


def _why_refuted(names: tuple[str, ...]) -> str:
    return f"people's grades refute the judge of {', '.join(names)}: its scores are no evidence any more"


def _why_held(evidence: RolloutEvidence) -> str:
    names = ", ".join(evidence.held())
    return (
        f"{names} dropped in the eyes of a judge whose error does not allow a rollback: look at it yourself"
    )


def _why_breached(evidence: RolloutEvidence) -> str:
    blamed = evidence.blamed()
    reached = f"M = {evidence.e_value:.4g} reached {evidence.bar:.4g} after {evidence.settled} scores"
    if evidence.proven_by_people:
        reached = (
            f"people's grades say so, {reached}, {len(evidence.graded)} of them of pairs that people graded"
        )
    if blamed:
        return f"{_named(evidence, blamed)} dropped by more than the threshold: {reached}"
    leading = _named(evidence, evidence.leading())
    return f"a drop beyond the thresholds, spread over capabilities (most evidence: {leading}): {reached}"


def _named(evidence: RolloutEvidence, names: tuple[str, ...]) -> str:
    """The capabilities, each with who feels its drop where that is told apart."""
    felt = {
        "traffic": " [felt in what is asked, by pairs, rather than by subjects]",
        "subjects": " [felt by subjects rather than in all that is asked]",
        None: "",
    }
    return ", ".join(name + felt[evidence.whose(name)] for name in names)


def _why_promote(evidence: RolloutEvidence, stage: int) -> str:
    units = evidence.stage_units.get(stage, 0)
    if evidence.spec.advance == "schedule":
        return f"{units} units settled in stage {stage} without a breach"
    return f"no watched capability dropped by stage {stage}'s margin; {units} units settled in it"


def _why_not_promote(evidence: RolloutEvidence, stage: int) -> str:
    """What still stands between this stage and the next; empty where nothing does."""
    spec = evidence.spec
    if evidence.anchors.found:
        return _why_drifted(evidence)
    if evidence.missing.suspicious:
        return evidence.missing.explain()
    if evidence.held():
        return _why_held(evidence)
    if refuted := evidence.refuted():
        return _why_refuted(refuted)
    if evidence.full:
        return "fully rolled out; watching"
    units = evidence.stage_units.get(stage, 0)
    if not evidence.stage_units:
        return f"no data: {evidence.settled} scores, none of them a unit or a pair"
    if evidence.ratio.suspicious:
        return f"arm imbalance: {evidence.ratio.explain()}"
    if evidence.rejudged:
        return f"{STALE_JUDGE}: the judge changed during the rollout for {', '.join(evidence.rejudged)}"
    if spec.advance == "manual":
        return "the policy is manual: a person promotes"
    wanted = spec.stages[stage].min_units
    if units < wanted:
        return f"not enough yet: {units} of {wanted} units settled in stage {stage}"
    if spec.advance == "evidence":
        if unable := evidence.unprovable(stage):
            return (
                f"not provable: stage {stage}'s margin in {', '.join(unable)}, whose judge may hide as much"
            )
        open_ones = evidence.unproven(stage, promotion_bar(spec))
        if open_ones:
            return f"not enough yet: stage {stage}'s margin is not proven in {', '.join(open_ones)}"
    return ""


def _decision(
    evidence: RolloutEvidence, action: Action, reason: str, test: str, since: datetime | None = None
) -> DecisionMade:
    score = evidence.last_score
    deciding, time = (score.event_id, score.time) if score is not None else ("", since)
    assert time is not None, "decide() made sure of a score"  # noqa: S101 -- tells mypy
    rollout = evidence.spec.rollout_id
    return DecisionMade(
        event_id=derived_id(rollout, action, str(evidence.stage), deciding),
        time=time,
        source=SOURCE,
        rollout_id=rollout,
        action=action,
        reason=reason,
        stage=evidence.stage,
        proof=_proof(evidence, action, test, deciding),
        allotment=next_allotment(evidence) if action == "hold" else None,
    )


def _proof(evidence: RolloutEvidence, action: Action, test: str, deciding: str) -> Proof:
    return Proof(
        test=test,
        e_value=evidence.e_value,
        bar=evidence.bar,
        blamed=evidence.blamed() if action == "roll_back" else (),
        evidence=evidence.summary(),
        topic=topics.SCORES,
        partition=evidence.partition or 0,
        first_offset=evidence.first_offset,
        last_offset=evidence.last_offset,
        scores_sha256=evidence.digest,
        brief_sha256=evidence.spec.brief_sha256,
        settings_sha256=settings_sha256(evidence.spec),
        judges=evidence.judges,
        heaviest=evidence.heaviest(),
        deciding_score=deciding,
        anchors=evidence.anchors.summary(),
    )
