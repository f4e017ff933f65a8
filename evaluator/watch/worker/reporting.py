"""What the worker tells people over Kafka: the watch of every rollout, and itself, once a second where it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from evaluator.judge.judges.counted import Asked
from evaluator.watch.evidence.decide import promotion_bar
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.interval import change
from evaluator.watch.evidence.state import Heavy
from evaluator.watch.worker.status import WorkerStatus
from evaluator.watch.worker.tracked import Tracked
from telemetry import codec
from telemetry.buckets import SUM
from telemetry.bus.protocols import Encoded
from telemetry.events import (
    Change,
    Imbalanced,
    JudgeAsked,
    JudgeTokens,
    LogPlace,
    WatchReported,
    Weighed,
    WorkerReported,
    derived_id,
)

SOURCE: Final = "belay/worker"
EVERY_S: Final = 1.0
ANYWAY_S: Final = 30.0
"""Said again after so long though nothing changed, so that whoever reads knows how old it is."""
PLACES: Final = 5
"""Sources and routers whose assignment is shown, those with the most evidence against it."""


class Beside(NamedTuple):
    """What the worker says of itself beside its status: its judging models, and how far either loop is behind."""

    judges: tuple[JudgeAsked, ...] = ()
    scorer_lag: int | None = None
    decider_lag: int | None = None


NOTHING_BESIDE: Final = Beside()


class Reporter:
    """Remembers what was said, and when. `records` gives what is due; `now` is monotonic, in seconds."""

    def __init__(self, worker: str, beside: Callable[[], Beside] = Beside) -> None:
        self._worker, self._beside = worker, beside
        self._due = 0.0
        self._said: dict[str, tuple[object, float]] = {}

    def records(self, rollouts: Iterable[Tracked], status: WorkerStatus, now: float) -> Iterator[Encoded]:
        """The reports that are due, as records."""
        if now < self._due:
            return
        self._due = now + EVERY_S
        for tracked in rollouts:
            state, evidence = tracked.state, tracked.evidence
            what = (evidence.settled, state.revision, tracked.decisions, tracked.stopped)
            if not tracked.over and self._news(state.spec.rollout_id, what, now):
                yield codec.encode(watch_report(tracked))
        done = (status.interactions, status.scored, status.waiting, status.dead, status.stands_by)
        if self._news("", done, now):
            yield codec.encode(worker_report(self._worker, status, self._beside()))

    def _news(self, name: str, what: object, now: float) -> bool:
        known = self._said.get(name)
        if known is not None and known[0] == what and now - known[1] < ANYWAY_S:
            return False
        self._said[name] = what, now
        return True


def watch_report(tracked: Tracked) -> WatchReported:
    """What the watch knows of a rollout."""
    evidence, rollout = tracked.evidence, tracked.state.spec.rollout_id
    stage = evidence.stage
    last = evidence.last_score
    return WatchReported(
        event_id=derived_id("watch", rollout, str(evidence.settled), str(tracked.state.revision)),
        source=SOURCE,
        rollout_id=rollout,
        stage=stage,
        settled=evidence.settled,
        untagged=evidence.untagged,
        e_value=evidence.e_value,
        bar=evidence.bar,
        evidence=evidence.summary(),
        changes=tuple(_changes(evidence)),
        promotion=evidence.promotion_evidence(stage),
        promotion_bar=promotion_bar(evidence.spec),
        traffic=dict(evidence.tags),
        mistagged={
            name: part for name, f in evidence.folds.items() if (part := f.tally.mistagged) is not None
        },
        imbalances=tuple(
            Imbalanced(
                where=found.where,
                units=found.units,
                candidates=found.candidates,
                expected=found.expected,
                e_value=found.e_value,
            )
            for found in evidence.ratio.imbalances()[:PLACES]
        ),
        missing=evidence.missing.explain() if evidence.missing.suspicious else None,
        judges=evidence.judges,
        heaviest=tuple(_weighed(heavy) for heavy in evidence.weighed()),
        last_score=None if last is None else last.time,
        last_offset=evidence.last_offset,
        last_decision=None if tracked.last_decision is None else tracked.last_decision.event_id,
        stopped=tracked.stopped,
        anchors=evidence.anchors.summary(),
    )


def judges_asked(asked: Mapping[str, Asked]) -> tuple[JudgeAsked, ...]:
    """The judging models that were asked, by name."""
    return tuple(_judge_asked(name, each) for name, each in sorted(asked.items()))


def worker_report(worker: str, status: WorkerStatus, beside: Beside = NOTHING_BESIDE) -> WorkerReported:
    """What a worker has done."""
    return WorkerReported(
        source=SOURCE,
        worker=worker,
        judge=status.judge,
        tagger=status.tagger,
        interactions=status.interactions,
        scored=status.scored,
        unscored=status.unscored,
        waiting=status.waiting,
        unknown_share=status.unknown.recent,
        unknown_grew=status.unknown.alarm,
        behind_s=status.behind_s,
        sent_s=status.sent_s,
        dead=status.dead,
        duplicates=status.duplicates,
        late=status.late,
        stands_by=status.stands_by,
        refused=status.refused,
        unannounced=status.unannounced,
        arms=status.arms,
        **beside._asdict(),
    )


def _judge_asked(name: str, asked: Asked) -> JudgeAsked:
    tokens = JudgeTokens(
        prompt=asked.prompt_tokens,
        completion=asked.completion_tokens,
        metered=asked.metered,
        unmetered=asked.unmetered,
    )
    seconds = asked.seconds.told()[SUM] / 1e6
    return JudgeAsked(judge=name, ended=dict(asked.ended), seconds=seconds, tokens=tokens, price=asked.price)


def _changes(evidence: RolloutEvidence) -> Iterator[Change]:
    for name, fold in evidence.folds.items():
        found = change(fold)
        if found is not None:
            yield Change(capability=name, estimate=found.estimate, low=found.low, high=found.high)


def _weighed(heavy: Heavy) -> Weighed:
    place = LogPlace(partition=heavy.partition, offset=heavy.offset) if heavy.offset >= 0 else None
    return Weighed(
        interaction_id=heavy.interaction_id,
        factor=heavy.factor,
        capability=heavy.capability,
        arm="candidate" if heavy.arm == "candidate" else "control",
        value=heavy.value,
        other_value=heavy.other_value,
        logged=place,
    )
