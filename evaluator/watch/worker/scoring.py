"""The scorer at work: interactions in, scores out, at least once, in their order; a slow judge holds up nobody.

Programs judge at once. Whoever takes longer judges on threads of its own, while the consumer goes on polling: else a
judge of three seconds would have the group throw it out. At most `waiting` interactions wait for one; those that come
when it is full are unscored, which is settled before anybody looks at their answers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from evaluator.judge.judges.anchors import Anchors
from evaluator.judge.judges.means import Means
from evaluator.judge.judges.scorer import SOURCE, LiveJudging, Task, score, task_of, unjudged
from evaluator.judge.tagging.conversations import tag_interactions
from evaluator.judge.tagging.tagger import Tag
from evaluator.watch.evidence.seen import is_alone
from evaluator.watch.worker.arm_counts import ArmCounts
from evaluator.watch.worker.joining import Joined, Joiner
from evaluator.watch.worker.line import Line, Place
from evaluator.watch.worker.portion import Portion
from evaluator.watch.worker.tracing import ScorerTraces
from evaluator.watch.worker.unknown import UnknownShare
from telemetry import codec, topics
from telemetry.buckets import AGES_S, Buckets
from telemetry.bus.lag import Lag
from telemetry.bus.protocols import Bus, Publisher, Reader, Record
from telemetry.dead_letters import bury
from telemetry.errors import UnreadableRecord
from telemetry.events import InteractionRecorded, LogPlace, ScoreRecorded, ShadowAnswered, now
from telemetry.score_batches import records_of
from telemetry.tracing.export import NO_TRACES, Traces

log = logging.getLogger(__name__)

AT_ONCE: Final = 8
"""Slow judgements made at a time."""
WAITING: Final = 2_000
"""Interactions that wait for a slow judge at most; at one judgement a second and eight threads, four minutes' worth."""
ALONE_AT_ONCE: Final = 256
"""Interactions without their shadow that leave before a commit: the evidence remembers the last four times as many, for
the crash that has them read again."""
DEADLINE_S: Final = 240.0
"""After which a judgement is given up: longer than any judge's own deadline, shorter than patience."""
_AWAY: Final = frozenset({"failed", "over_budget"})
"""Of a judge that could not be had a moment ago nothing more is asked."""


class Tagging(Protocol):
    """The part of `tagger.Tagger` that scoring needs."""

    def tag(self, prompts: Sequence[str]) -> list[Tag]:
        """One tag for each prompt."""
        ...


@dataclass(slots=True)
class ScorerCounts:
    """What a scorer has done since its process began; `unscored` counts codes, `waiting` wait for a slow judge now.

    `held` wait for a shadow now, `alone` waited for one in vain. `behind_s` is how old the last one scored was then,
    `ages` how old all were. `sent_s` is how long after its answer the last one read was in Kafka: what spools cost.
    """

    interactions: int = 0
    scored: int = 0
    dead: int = 0
    waiting: int = 0
    behind_s: float | None = None
    sent_s: float | None = None
    held: int = 0
    alone: int = 0
    unscored: dict[str, int] = field(default_factory=dict)
    arms: ArmCounts = field(default_factory=ArmCounts)
    ages: Buckets = field(default_factory=lambda: Buckets(AGES_S))
    unknown: UnknownShare = field(default_factory=UnknownShare)


class Scorer:
    """Tags and judges a portion of the interactions, in its share of the partitions. Used by one thread; `close` it."""

    def __init__(
        self,
        bus: Bus,
        tagger: Tagging,
        judge: LiveJudging,
        counts: ScorerCounts | None = None,
        *,
        at_once: int = AT_ONCE,
        waiting: int = WAITING,
        deadline_s: float = DEADLINE_S,
        joiner: Joiner | None = None,
        portion: Portion | None = None,
        traces: Traces = NO_TRACES,
        anchors: Anchors | None = None,
    ) -> None:
        self._anchors = anchors
        self._portion = portion or Portion()
        self.counts = counts or ScorerCounts()
        self._tagger, self._judge = tagger, judge
        self._waiting, self._deadline_s = waiting, deadline_s
        self._line, self._joiner = Line(), joiner if joiner is not None else Joiner()
        self._traces = ScorerTraces(traces)
        self._done: dict[tuple[str, int], int] = {}
        self._threads = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="judge")
        self._publisher: Publisher = bus.publisher()
        self._reader: Reader = bus.reader([topics.INTERACTIONS], group=self._portion.group)

    def step(self, timeout_s: float) -> int:
        """Take in what is there, waiting at most `timeout_s` for the first record, and publish what is ready.

        How many records came or left.
        """
        records = self._reader.poll(timeout_s)
        self._take(records)
        left = self._publish()
        if left:
            # A commit before the flush would lose scores if this process died in between.
            self._publisher.flush()
            self._reader.commit(self._committable())
            self._traces.published()
        return len(records) + left

    def stand(self, lag: Lag) -> None:
        """Say how far it is."""
        lag.stand(self._reader, self._committable)

    @property
    def waiting(self) -> int:
        """Records that came and have not left."""
        return len(self._line)

    def close(self) -> None:
        """Leave the group; what has not left is read again by whoever comes next."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._reader.close()
        self._publisher.close()

    def _take(self, records: Sequence[Record]) -> None:
        entering = self._joined(records)
        interactions = [found.interaction for _, found in entering if found is not None]
        tagged = tag_interactions(self._tagger, interactions) if interactions else []
        for tag in tagged:
            self.counts.unknown.see(tag.capability is None)
        tags = iter(tagged)
        for record, found in entering:
            if found is None:
                self._line.join(Place(record))
            else:
                self._traces.takes(found.interaction)
                self._join(record, self._task_of(found, next(tags)), found.holds)
        self.counts.waiting, self.counts.held = self._line.making, len(self._joiner)

    def _joined(self, records: Sequence[Record]) -> list[tuple[Record, Joined | None]]:
        """Every record in its order, with the interaction that goes on at its place, if one does."""
        at = time.monotonic()
        if len(self._joiner):
            self._joiner.keep(self._reader.read_to())
        entering: list[tuple[Record, Joined | None]] = [(j.record, j) for j in self._joiner.overdue(at)]
        for record in records:
            event = self._readable(record)
            found = self._joiner.take(record, event, at) if event is not None else []
            entering += [(j.record, j) for j in found]
            if all(j.record is not record for j in found):
                entering.append((record, None))
        self.counts.alone = self._joiner.alone
        return entering

    def _task_of(self, found: Joined, tag: Tag) -> Task:
        logged = LogPlace(partition=found.record.partition, offset=found.record.offset)
        task = task_of(found.interaction, tag, self._judge, logged)
        # What was drawn is a pair or nothing: half of one would be judged by whether its shadow came.
        return replace(task, means=Means(None, "no_pair")) if found.alone and task.means.by else task

    def _committable(self) -> dict[tuple[str, int], int]:
        """How far each partition is done: nothing from an interaction on that still waits for its shadow."""
        bounds = {where: self._joiner.bound(where) for where in self._done}
        return {
            where: done if (bound := bounds[where]) is None else min(done, bound)
            for where, done in self._done.items()
        }

    def _join(self, record: Record, task: Task, holds: int | None) -> None:
        if not task.means.slow:
            self._line.join(Place(record, score=self._score(task), holds=holds))
        elif self._line.making >= self._waiting:
            full = replace(task, means=Means(None, "over_budget"))
            self._line.join(Place(record, score=self._score(full), holds=holds))
        else:
            why = f"no judgement within {self._deadline_s:g} s"
            self._line.join(
                Place(
                    record,
                    making=self._threads.submit(self._score, task),
                    overdue=unjudged(task, self._judge, why, at=now()),
                    until=time.monotonic() + self._deadline_s,
                    holds=holds,
                )
            )

    def _score(self, task: Task) -> ScoreRecorded:
        return self._traces.judged(self._anchored(score(task, self._judge, at=now()), task))

    def _anchored(self, scored: ScoreRecorded, task: Task) -> ScoreRecorded:
        """The score, with what its model says of a known answer where it is to be asked beside it."""
        away = scored.unscored in _AWAY
        if self._anchors is None or task.means.by != "endpoint" or scored.capability is None or away:
            return scored
        anchor = self._anchors.beside(scored.rollout_id, scored.interaction_id, scored.capability)
        return scored if anchor is None else scored.model_copy(update={"anchor": anchor})

    def _publish(self) -> int:
        left, alone, scores = 0, 0, []
        for place in self._line.leave(time.monotonic()):
            scored = place.taken()
            if scored is not None:
                scores.append(scored)
                self._traces.leaves(scored)
                self._count(scored)
                alone += is_alone(scored)
            where = place.record.topic, place.record.partition
            self._done[where] = max(self._done.get(where, 0), place.record.offset + 1)
            if place.holds is not None:
                self._joiner.release(place.record, place.holds)
            left += 1
            if alone == ALONE_AT_ONCE:
                break
        for encoded in records_of(scores, SOURCE):
            self._publisher.send(encoded)
        self.counts.waiting = self._line.making
        return left

    def _count(self, scored: ScoreRecorded) -> None:
        self.counts.behind_s = (now() - scored.interaction_time).total_seconds()
        self.counts.ages.see(self.counts.behind_s)
        self.counts.arms.see(scored)
        if scored.unscored is None:
            self.counts.scored += 1
        else:
            self.counts.unscored[scored.unscored] = self.counts.unscored.get(scored.unscored, 0) + 1

    def _readable(self, record: Record) -> InteractionRecorded | ShadowAnswered | None:
        try:
            event = codec.decode(record)
        except UnreadableRecord as error:
            self._bury(record, error.message)
            return None
        if isinstance(event, ShadowAnswered):
            return event
        if not isinstance(event, InteractionRecorded):
            self._bury(record, f"a {event.TYPE} does not belong in {record.topic}")
            return None
        if not self._portion.has(event.model):
            return None
        self.counts.interactions += 1
        # An answer's times are since its arm was asked, which base was after a candidate was waited for.
        answered_s = event.time.timestamp() + ((event.fell_back_ms or 0.0) + event.answer.total_ms) / 1e3
        # Less than nothing where clocks are apart.
        self.counts.sent_s = max(0.0, record.timestamp_ms / 1e3 - answered_s)
        return event

    def _bury(self, record: Record, reason: str) -> None:
        if not self._portion.buries:
            return
        bury(self._publisher, record, reason, SOURCE)
        self.counts.dead += 1
