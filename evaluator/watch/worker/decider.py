"""The decider: folds `belay.scores` in offset order and publishes a decision the moment one falls due.

Kafka is the database. A decider that dies is replaced by one that reads the latest snapshots and the scores
after them, and comes to the same bits. Nothing here is committed: the offsets are in the snapshots.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from evaluator.watch.evidence.decide import decide
from evaluator.watch.evidence.fold import RolloutEvidence
from telemetry import codec, topics
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.protocols import Bus, Record
from telemetry.dead_letters import dead_record
from telemetry.errors import UnreadableRecord
from telemetry.events import (
    DecisionMade,
    Event,
    RolloutChanged,
    RolloutSpec,
    ScoreRecorded,
    SnapshotTaken,
    derived_id,
)

SOURCE: Final = "belay/decider"
ENDED: Final = frozenset({"rolled_back", "closed"})
CATCH_UP_S: Final = 10.0
"""How long a topic may stay silent before its end before the broker counts as unavailable."""

Scored = tuple[Record, ScoreRecorded]


@dataclass(slots=True)
class Tracked:
    """One rollout: its latest state, its evidence, and how many scores were settled since its snapshot.

    `over` is set where the rollout had ended before this decider began: it is shown, no longer settled.
    """

    state: RolloutChanged
    evidence: RolloutEvidence
    over: bool = False
    unsaved: int = 0
    decisions: int = 0
    last_decision: DecisionMade | None = None


@dataclass(slots=True)
class Waiting:
    """Scores of a rollout that nobody announced yet, and the moment when waiting ends (monotonic s)."""

    until: float
    scores: list[Scored] = field(default_factory=list)


def _ignore(tracked: Tracked) -> None:
    """The default listener."""


class Decider:
    """Settles each score once and decides after it. Used by one thread; `close` it."""

    def __init__(
        self,
        bus: Bus,
        *,
        snapshot_every: int = 500,
        spec_wait_s: float = 5.0,
        on_settled: Callable[[Tracked], None] = _ignore,
    ) -> None:
        self.rollouts: dict[str, Tracked] = {}
        self.dead = 0
        self.duplicates = 0
        self.late = 0
        self._bus = bus
        self._snapshot_every = snapshot_every
        self._spec_wait_s = spec_wait_s
        self._on_settled = on_settled
        self._published: set[str] = set()
        self._waiting: dict[str, Waiting] = {}
        self._read_to: dict[int, int] = {}
        self._publisher = bus.publisher()
        self._reader = bus.reader([topics.ROLLOUTS, topics.SCORES])

    # --- start and end --------------------------------------------------------------------------------

    def restore(self) -> None:
        """Take up where the last decider stopped: rollouts, then their snapshots, then the scores' offset.

        A rollout that ended is not taken up again: its scores that come late change nothing any more.
        Decisions that are already in Kafka are not sent again.
        """
        states = {
            e.spec.rollout_id: e for _, e in self._all(topics.ROLLOUTS) if isinstance(e, RolloutChanged)
        }
        snapshots = {
            e.rollout_id: (r, e) for r, e in self._all(topics.SNAPSHOTS) if isinstance(e, SnapshotTaken)
        }
        self._published = {e.event_id for _, e in self._all(topics.DECISIONS)}
        begin: dict[int, int] = {}
        for rollout, state in states.items():
            evidence, where, after = self._restored(state.spec, snapshots.get(rollout))
            tracked = Tracked(state, evidence, over=state.status in ENDED)
            self.rollouts[rollout] = tracked
            if not tracked.over:
                begin[where] = min(begin.get(where, after), after)
                self._announce(tracked)
        for partition, offset in begin.items():
            self._reader.seek(topics.SCORES, partition, offset)
            self._read_to[partition] = offset - 1
        self._save([tracked for tracked in self.rollouts.values() if not tracked.over])

    def close(self, *, save: bool = True) -> None:
        """Snapshot what is not yet in a snapshot (unless `save` is False), then let go of the broker."""
        try:
            if save:
                self._save([t for t in self.rollouts.values() if t.unsaved])
        finally:
            self._reader.close()
            self._publisher.close()

    # --- one step -------------------------------------------------------------------------------------

    def step(self, timeout_s: float) -> int:
        """Read what is there, waiting at most `timeout_s` for the first record; how many records."""
        records = self._reader.poll(timeout_s)
        for record in records:
            self._take(record)
        self._give_up_waiting(time.monotonic())
        full = [t for t in self.rollouts.values() if t.unsaved >= self._snapshot_every]
        if full:
            self._save(full)
        return len(records)

    def _take(self, record: Record) -> None:
        try:
            event = codec.decode(record)
        except UnreadableRecord as error:
            self._bury(record, error.message)
            return
        if isinstance(event, RolloutChanged):
            self._on_rollout(event)
        elif isinstance(event, ScoreRecorded):
            self._read_to[record.partition] = record.offset
            self._on_score(record, event)
        else:
            self._bury(record, f"a {event.TYPE} does not belong in {record.topic}")

    def _on_rollout(self, event: RolloutChanged) -> None:
        rollout = event.spec.rollout_id
        known = self.rollouts.get(rollout)
        if known is not None:
            if event.revision > known.state.revision:
                known.state = event
            return
        tracked = self.rollouts[rollout] = Tracked(event, RolloutEvidence(event.spec))
        waited = self._waiting.pop(rollout, None)
        for record, score in waited.scores if waited else ():
            self._on_score(record, score)
        self._save([tracked])

    def _on_score(self, record: Record, score: ScoreRecorded) -> None:
        tracked = self.rollouts.get(score.rollout_id)
        if tracked is None:
            until = time.monotonic() + self._spec_wait_s
            self._waiting.setdefault(score.rollout_id, Waiting(until)).scores.append((record, score))
            return
        if tracked.over:
            self.late += 1
            return
        self._settle(tracked, record, score)

    def _settle(self, tracked: Tracked, record: Record, score: ScoreRecorded) -> None:
        try:
            fresh = tracked.evidence.settle(score, record.partition, record.offset)
        except UnreadableRecord as error:
            self._bury(record, error.message)
            return
        if not fresh:
            self.duplicates += 1
            return
        tracked.unsaved += 1
        self._announce(tracked)
        self._on_settled(tracked)

    def _announce(self, tracked: Tracked) -> None:
        """Decide, and let a decision leave at once; what is not flushed is not decided."""
        decision = decide(tracked.evidence)
        if decision is None:
            return
        if decision.event_id not in self._published:
            self._publisher.send(codec.encode(decision))
            self._publisher.flush()
            self._published.add(decision.event_id)
        tracked.decisions += 1
        tracked.last_decision = decision

    # --- dead letters and snapshots -------------------------------------------------------------------

    def _give_up_waiting(self, now: float) -> None:
        for rollout in [name for name, waiting in self._waiting.items() if now >= waiting.until]:
            reason = f"no rollout {rollout!r} was announced in {topics.ROLLOUTS} within {self._spec_wait_s} s"
            for record, _ in self._waiting.pop(rollout).scores:
                self._bury(record, reason)

    def _bury(self, record: Record, reason: str) -> None:
        self._publisher.send(codec.encode(dead_record(record, reason, SOURCE)))
        self._publisher.flush()
        self.dead += 1

    def _save(self, rollouts: list[Tracked]) -> None:
        """Publish snapshots. Not while a score waits for its rollout: a restart must read it again.

        A new rollout has one at once: nobody need read what came before it, and the publisher's connection is
        open (150 ms) before the first decision has to leave.
        """
        if self._waiting or not rollouts:
            return
        for tracked in rollouts:
            evidence = tracked.evidence
            partition = evidence.partition or 0
            offset = max(self._read_to.get(partition, -1), evidence.last_offset)
            rollout = evidence.spec.rollout_id
            snapshot = SnapshotTaken(
                event_id=derived_id("snapshot", rollout, str(partition), str(offset)),
                source=SOURCE,
                rollout_id=rollout,
                partition=partition,
                offset=offset,
                state=evidence.to_snapshot(),
            )
            self._publisher.send(codec.encode(snapshot))
        self._publisher.flush()
        for tracked in rollouts:
            tracked.unsaved = 0

    def _restored(
        self, spec: RolloutSpec, saved: tuple[Record, SnapshotTaken] | None
    ) -> tuple[RolloutEvidence, int, int]:
        """The evidence, and the partition and offset of the first score that it has not seen."""
        if saved is None:
            return RolloutEvidence(spec), 0, 0
        record, snapshot = saved
        try:
            evidence = RolloutEvidence.from_snapshot(spec, snapshot.state)
        except UnreadableRecord as error:
            self._bury(record, error.message)
            return RolloutEvidence(spec), 0, 0
        return evidence, snapshot.partition, snapshot.offset + 1

    def _all(self, topic: str) -> Iterator[tuple[Record, Event]]:
        """Every readable event that is in `topic` now."""
        with self._bus.reader([topic]) as reader:
            for record in read_to_end(reader, CATCH_UP_S):
                try:
                    yield record, codec.decode(record)
                except UnreadableRecord as error:
                    if topic != topics.ROLLOUTS:  # those are read, and buried, once more by `step`
                        self._bury(record, error.message)
