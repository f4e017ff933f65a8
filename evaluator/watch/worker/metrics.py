"""What a worker says to Prometheus: what it scored and how late, its judges, what it decides, and the evidence.

The two loops keep plain counts. The decider's thread hands over what it knows as frozen values, twice a second with
the status file (`decider_figures`); a scrape reads the last of them. A rollout that ended has no series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from evaluator.judge.judges.counted import Asked
from evaluator.watch.worker.decider import Decider
from evaluator.watch.worker.evidence_metrics import RolloutFigures, evidence_metrics, rollout_figures
from evaluator.watch.worker.scoring import ScorerCounts
from evaluator.watch.worker.status import WorkerStatus
from telemetry.bus.lag import Lag
from telemetry.topics import INTERACTIONS, SCORES


class DeciderFigures(NamedTuple):
    """What a decider leaves for a scrape; `ended` are rollouts whose series are gone."""

    dead: int
    duplicates: int
    late: int
    refused: int
    unannounced: int
    ended: frozenset[str]
    rollouts: tuple[RolloutFigures, ...]


def decider_figures(decider: Decider, status: WorkerStatus) -> DeciderFigures:
    """What to hand over. Call it from the decider's thread, with the status that it has just told."""
    said = {each.rollout_id: each for each in status.rollouts}
    return DeciderFigures(
        dead=decider.dead,
        duplicates=decider.duplicates,
        late=decider.late,
        refused=len(status.refused),
        unannounced=len(status.unannounced),
        ended=frozenset(name for name, tracked in decider.rollouts.items() if tracked.over),
        rollouts=tuple(
            rollout_figures(tracked, said[name])
            for name, tracked in decider.rollouts.items()
            if name in said and not tracked.over
        ),
    )


@dataclass(slots=True)
class WorkerFigures:
    """What the worker's threads leave for a scrape; `decider` is None where another worker decides."""

    counts: ScorerCounts = field(default_factory=ScorerCounts)
    decider: DeciderFigures | None = None
    scorer_lag: Lag = field(default_factory=lambda: Lag(INTERACTIONS))
    decider_lag: Lag = field(default_factory=lambda: Lag(SCORES))


class WorkerMetrics(Collector):
    """Collects from one worker. `asked` are its judging models."""

    def __init__(self, figures: WorkerFigures, asked: Callable[[], Mapping[str, Asked]] = dict) -> None:
        self._figures, self._asked = figures, asked

    def collect(self) -> Iterator[Metric]:
        """All figures, as prometheus_client asks for them."""
        decider = self._figures.decider
        yield from _of_scoring(self._figures.counts, decider.ended if decider is not None else frozenset())
        yield from _of_judges(self._asked())
        yield from _of_both(self._figures, decider)
        if decider is not None:
            yield from _of_deciding(decider)
            yield from evidence_metrics(decider.rollouts)


def _of_scoring(counts: ScorerCounts, ended: frozenset[str]) -> Iterator[Metric]:
    read = counts.interactions
    yield CounterMetricFamily("belay_interactions_read", "Interactions read from their topic.", value=read)
    scores = CounterMetricFamily(
        "belay_scores",
        "Answers that left the scorer, by arm and by how that ended: scored, or the code of why not.",
        labels=["rollout", "arm", "result"],
    )
    for each in counts.arms.shown():
        if each.rollout_id not in ended:
            scores.add_metric([each.rollout_id, each.arm, each.result], each.answers)
    yield scores
    ages = HistogramMetricFamily("belay_score_age_seconds", "Age of an interaction when its score left.")
    counts.ages.into(ages)
    yield ages
    unknown = counts.unknown.status
    grown = float(unknown.alarm)
    yield GaugeMetricFamily("belay_scores_waiting", "Interactions at a slow judge.", value=counts.waiting)
    yield GaugeMetricFamily("belay_shadows_waiting", "Interactions without their shadow.", value=counts.held)
    yield CounterMetricFamily("belay_shadows_missed", "Shadows waited for in vain.", value=counts.alone)
    yield GaugeMetricFamily(
        "belay_untagged_grown", "1 where prompts of no capability have grown.", value=grown
    )
    share = GaugeMetricFamily("belay_untagged_ratio", "Share of prompts of no capability, lately.")
    if unknown.recent is not None:
        share.add_metric([], unknown.recent)
    yield share


def _of_judges(asked: Mapping[str, Asked]) -> Iterator[Metric]:
    ended = CounterMetricFamily(
        "belay_judge_requests", "Questions to a judging model, by how they ended.", labels=["judge", "result"]
    )
    seconds = HistogramMetricFamily(
        "belay_judge_request_seconds", "How long a question to a judging model took.", labels=["judge"]
    )
    tokens = CounterMetricFamily(
        "belay_judge_tokens",
        "Tokens of a judging model, as its server counts them.",
        labels=["judge", "kind"],
    )
    unmetered = CounterMetricFamily(
        "belay_judge_replies_unmetered", "Replies whose server told no tokens.", labels=["judge"]
    )
    cost = CounterMetricFamily(
        "belay_judge_cost",
        "What those tokens cost by the price in the settings.",
        labels=["judge", "currency"],
    )
    for judge, each in asked.items():
        for result, count in each.ended.copy().items():
            ended.add_metric([judge, result], count)
        each.seconds.into(seconds, [judge])
        unmetered.add_metric([judge], each.unmetered)
        if each.metered:
            tokens.add_metric([judge, "prompt"], each.prompt_tokens)
            tokens.add_metric([judge, "completion"], each.completion_tokens)
            if each.price is not None:
                spent = each.price.of(prompt=each.prompt_tokens, completion=each.completion_tokens)
                cost.add_metric([judge, each.price.currency], spent)
    yield from (ended, seconds, tokens, unmetered, cost)


def _of_both(figures: WorkerFigures, decider: DeciderFigures | None) -> Iterator[Metric]:
    decides = float(decider is not None)
    yield GaugeMetricFamily(
        "belay_decider", "1 where this worker decides, 0 where it stands by.", value=decides
    )
    lag = GaugeMetricFamily(
        "belay_lag_records", "Records behind the end of what a stage reads.", labels=["stage"]
    )
    dead = CounterMetricFamily(
        "belay_dead_letters", "Records that could not be used, by who read them.", labels=["stage"]
    )
    stages = [("scorer", figures.scorer_lag, figures.counts.dead)]
    if decider is not None:
        stages.append(("decider", figures.decider_lag, decider.dead))
    for stage, measured, letters in stages:
        dead.add_metric([stage], letters)
        if measured.records is not None:
            lag.add_metric([stage], measured.records)
    yield lag
    yield dead


def _of_deciding(decider: DeciderFigures) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "belay_scores_duplicate", "Scores that were folded before.", value=decider.duplicates
    )
    yield CounterMetricFamily("belay_scores_late", "Scores of rollouts that had ended.", value=decider.late)
    yield GaugeMetricFamily(
        "belay_rollouts_refused", "Rollouts that nothing can watch.", value=decider.refused
    )
    yield GaugeMetricFamily(
        "belay_rollouts_unannounced", "Rollouts with scores and no state.", value=decider.unannounced
    )
