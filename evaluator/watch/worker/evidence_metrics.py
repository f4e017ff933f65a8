"""The evidence of every rollout that is watched, for Prometheus: against its bars, and what it rests on.

E-values are told as log10: their sum over capabilities rolls back at a bar of 100 or more, and they may overflow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from evaluator.watch.evidence.decide import promotion_bar
from evaluator.watch.worker.status import RolloutStatus
from evaluator.watch.worker.tracked import Tracked
from telemetry.events import Action, CapabilityEvidence

_CAPABILITY: Final = ("rollout", "capability")
_ARM: Final = (*_CAPABILITY, "arm")


class RolloutFigures(NamedTuple):
    """What a decider knows of one rollout.

    `bars` has for each watched capability and guardrail the e-value that alone would roll back. `last_score` is when
    the last folded score was made (s since 1970), `missing` says that scores may be missing for one arm,
    `said` counts decisions by action since the process began.
    """

    status: RolloutStatus
    bars: Mapping[str, float]
    promotion: Mapping[str, float]
    promotion_bar: float
    last_score: float | None
    missing: bool
    said: Mapping[Action, int]


def rollout_figures(tracked: Tracked, status: RolloutStatus) -> RolloutFigures:
    """What to hand over of a rollout. Call it from the decider's thread."""
    evidence = tracked.evidence
    last, spec = evidence.last_score, evidence.spec
    return RolloutFigures(
        status=status,
        bars=evidence.bars(),
        promotion=evidence.promotion_evidence(evidence.stage),
        promotion_bar=promotion_bar(spec),
        last_score=None if last is None else last.time.timestamp(),
        missing=evidence.missing.suspicious,
        said=dict(tracked.said),
    )


def evidence_metrics(rollouts: Sequence[RolloutFigures]) -> Iterator[Metric]:
    """The series of these rollouts."""
    yield from _of_rollouts(rollouts)
    yield from _of_capabilities(rollouts)
    yield from _counted(rollouts)
    decisions = CounterMetricFamily(
        "belay_decisions", "Decisions that left this worker.", labels=["rollout", "action"]
    )
    actions: tuple[Action, ...] = ("promote", "hold", "roll_back")
    for each in rollouts:
        for action in actions:
            decisions.add_metric([each.status.rollout_id, action], each.said.get(action, 0))
    yield decisions


def log10(e_value: float) -> float:
    """The logarithm of an e-value; of 0, which a test may reach, -Inf as Prometheus has it."""
    return math.log10(e_value) if e_value > 0.0 else -math.inf


def _of_rollouts(rollouts: Sequence[RolloutFigures]) -> Iterator[Metric]:
    stopped = GaugeMetricFamily(
        "belay_watch_stopped", "1 where nothing more of a rollout can be folded.", labels=["rollout"]
    )
    missing = GaugeMetricFamily(
        "belay_scores_missing_suspected",
        "1 where scores seem to be missing for one arm rather than for the other.",
        labels=["rollout"],
    )
    drifted = GaugeMetricFamily(
        "belay_judge_drifted",
        "1 where a judging model scores known answers otherwise than it did.",
        labels=["rollout", "judge"],
    )
    evidence = GaugeMetricFamily(
        "belay_evidence_log10", "Evidence of a drop over all capabilities, M.", labels=["rollout"]
    )
    bar = GaugeMetricFamily("belay_evidence_bar_log10", "Where M rolls back.", labels=["rollout"])
    promoted = GaugeMetricFamily(
        "belay_promotion_bar_log10", "Where the evidence of each capability promotes.", labels=["rollout"]
    )
    last = GaugeMetricFamily(
        "belay_last_score_timestamp_seconds", "When the last folded score was made.", labels=["rollout"]
    )
    for each in rollouts:
        rollout = [each.status.rollout_id]
        stopped.add_metric(rollout, float(each.status.stopped is not None))
        missing.add_metric(rollout, float(each.missing))
        for one in each.status.anchors:
            drifted.add_metric([*rollout, one.judge], float(one.drifted))
        evidence.add_metric(rollout, log10(each.status.combined))
        bar.add_metric(rollout, log10(each.status.bar))
        if each.promotion:
            promoted.add_metric(rollout, log10(each.promotion_bar))
        if each.last_score is not None:
            last.add_metric(rollout, each.last_score)
    yield from (stopped, missing, drifted, evidence, bar, promoted, last)


def _of_capabilities(rollouts: Sequence[RolloutFigures]) -> Iterator[Metric]:
    evidence = GaugeMetricFamily(
        "belay_capability_evidence_log10", "Evidence of a drop beyond the threshold.", labels=_CAPABILITY
    )
    bar = GaugeMetricFamily(
        "belay_capability_evidence_bar_log10", "Where it alone would roll back.", labels=_CAPABILITY
    )
    promotion = GaugeMetricFamily(
        "belay_promotion_evidence_log10", "Evidence of no drop by the stage's margin.", labels=_CAPABILITY
    )
    mean = GaugeMetricFamily("belay_score_mean_ratio", "Mean score of an arm's units.", labels=_ARM)
    for each in rollouts:
        rollout = each.status.rollout_id
        for name, value in each.promotion.items():
            promotion.add_metric([rollout, name], log10(value))
        for found in each.status.evidence:
            where = [rollout, found.capability]
            evidence.add_metric(where, log10(found.e_value))
            if found.capability in each.bars:
                bar.add_metric(where, log10(each.bars[found.capability]))
            for arm, count in (("control", found.control), ("candidate", found.candidate)):
                if count.mean is not None:
                    mean.add_metric([*where, arm], count.mean)
    yield from (evidence, bar, promotion, mean)


def _counted(rollouts: Sequence[RolloutFigures]) -> Iterator[Metric]:
    """What the evidence rests on. A worker that takes over goes on from the same counts."""
    units = CounterMetricFamily("belay_evidence_units", "Units of an arm.", labels=_ARM)
    pairs = CounterMetricFamily(
        "belay_evidence_pairs", "Interactions that both arms answered.", labels=_CAPABILITY
    )
    aside = CounterMetricFamily(
        "belay_evidence_set_aside",
        "Those that did not count: their subject, prompt or API key had its part.",
        labels=_CAPABILITY,
    )
    unscored = CounterMetricFamily("belay_evidence_unscored", "Scores without a value.", labels=_CAPABILITY)
    settled = CounterMetricFamily("belay_evidence_settled", "Scores that were folded.", labels=["rollout"])
    for each in rollouts:
        settled.add_metric([each.status.rollout_id], each.status.settled)
        for found in each.status.evidence:
            _add(each.status.rollout_id, found, units, pairs, aside, unscored)
    yield from (settled, units, pairs, aside, unscored)


def _add(
    rollout: str,
    found: CapabilityEvidence,
    units: CounterMetricFamily,
    pairs: CounterMetricFamily,
    aside: CounterMetricFamily,
    unscored: CounterMetricFamily,
) -> None:
    where = [rollout, found.capability]
    units.add_metric([*where, "control"], found.control.n)
    units.add_metric([*where, "candidate"], found.candidate.n)
    pairs.add_metric(where, found.pairs)
    aside.add_metric(where, found.set_aside)
    unscored.add_metric(where, found.unscored)
