"""The decider: folds `belay.scores` in offset order and publishes a decision the moment one falls due.

Kafka is the database. A decider that dies is replaced by one that reads the latest snapshots and the scores
after them, and comes to the same bits. Nothing here is committed: the offsets are in the snapshots.
No rollout stops the watch of another: one whose evidence cannot go on is stopped alone, with a `hold` that says why.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from evaluator.watch.worker.announcing import REMEMBERED, Announcer
from evaluator.watch.worker.losses import began_anew, loss
from evaluator.watch.worker.registry import Registry
from evaluator.watch.worker.restoring import decisions_of_late, read_snapshots, read_states
from evaluator.watch.worker.saving import SOURCE
from evaluator.watch.worker.tracked import Tracked
from telemetry import codec, topics
from telemetry.bus.lag import Lag
from telemetry.bus.protocols import Bus, Encoded, Record
from telemetry.errors import UnreadableRecord
from telemetry.events import DeciderMarked, LogPlace, RolloutChanged, ScoreRecorded
from telemetry.score_batches import scores_of
from telemetry.tracing.export import NO_TRACES, Traces

log = logging.getLogger(__name__)

LONGEST: Final = 20
"""A rollout whose scores are rare has a snapshot after so many times `snapshot_every` scores of all, if not before: a
restart reads from the oldest on."""
LINGER_S: Final = 60.0
"""How long scores of a rollout that ended may still come before it leaves memory."""


def _ignore(tracked: Tracked) -> None:
    """The default listener."""


class Decider:
    """Settles each score once and decides after it. Used by one thread; `close` it."""

    def __init__(
        self,
        bus: Bus,
        *,
        snapshot_every: int = 2_000,
        linger_s: float = LINGER_S,
        on_settled: Callable[[Tracked], None] = _ignore,
        traces: Traces = NO_TRACES,
    ) -> None:
        self.known = Registry()
        self.duplicates = self.late = 0
        self._bus = bus
        self._snapshot_every, self._linger_s = snapshot_every, linger_s
        self._on_settled = on_settled
        self._topic_id: str | None = None
        self._read = 0
        self._read_to: dict[int, int] = {}
        self._says = Announcer(bus.publisher(), traces)
        self._reader = bus.reader([topics.ROLLOUTS, topics.SCORES])

    @property
    def rollouts(self) -> dict[str, Tracked]:
        """Those in memory, by their ids."""
        return self.known.tracked

    @property
    def dead(self) -> int:
        """Records that became dead letters."""
        return self._says.dead

    def publish(self, records: Iterable[Encoded]) -> None:
        """Let these leave on the decider's connection."""
        self._says.send(records)

    # --- start and end --------------------------------------------------------------------------------

    def restore(self) -> None:
        """Take up where the last decider stopped: rollouts, then their snapshots, then the scores' offset.

        A rollout that ended is not taken up again: its scores that come late change nothing any more.
        Decisions that are already in Kafka are not sent again.
        """
        self._topic_id = self._bus.topic_id(topics.SCORES)
        states = read_states(self._bus)
        stored = read_snapshots(self._bus, self._says.bury)
        self._says.remember(decisions_of_late(self._bus, REMEMBERED))
        ends, begins = (
            {partition: offset for (topic, partition), offset in offsets.items() if topic == topics.SCORES}
            for offsets in (self._reader.end_offsets(), self._reader.begin_offsets())
        )
        begin: dict[int, int] = {}
        if stored.mark is not None and stored.mark.topic_id != self._topic_id:
            stored.mark = None
        if stored.mark is not None:
            self.known.unannounced.places = dict(stored.mark.unannounced)
            begin = {place.partition: place.offset + 1 for place in stored.mark.read_to}
        for state in sorted(states.values(), key=lambda state: state.time):
            tracked = self.known.restored(state, stored)
            if tracked is None or tracked.over:
                self._says.send(stored.withdrawn(state.spec.rollout_id))
                continue
            partition = tracked.evidence.partition or 0
            first, end = begins.get(partition, 0), ends.get(partition, 0)
            lost = loss(tracked.begins, first, end, tracked.topic_id, self._topic_id)
            if lost is not None:
                self._says.stop(tracked, lost)
            else:
                begin[partition] = min(begin.get(partition, tracked.begins), tracked.begins)
        for partition, offset in begin.items():
            if offset <= ends.get(partition, 0):
                self._reader.seek(topics.SCORES, partition, offset)
                self._read_to[partition] = offset - 1
        for tracked in self.known.live():
            self._catch_up(tracked)
            self._says.decide(tracked)
        self._save(self.known.live())

    def close(self, *, save: bool = True) -> None:
        """Snapshot what is not yet in a snapshot (unless `save` is False), then let go of the broker."""
        try:
            if save:
                self._save([t for t in self.known.live() if t.unsaved])
        finally:
            self._reader.close()
            self._says.close()

    # --- one step -------------------------------------------------------------------------------------

    def step(self, timeout_s: float) -> int:
        """Read what is there, waiting at most `timeout_s` for the first record; how many records."""
        records = self._reader.poll(timeout_s)
        for record in records:
            self._take(record)
        full = [t for t in self.known.live() if self._due(t)]
        if full or self.known.unannounced.changed:
            self._save(full)
        self._let_go(time.monotonic())
        return len(records)

    def stand(self, lag: Lag) -> None:
        """Say how far it is."""
        lag.stand(self._reader)

    def _due(self, tracked: Tracked) -> bool:
        """Whether a rollout is to have a snapshot now."""
        if tracked.unsaved >= self._snapshot_every:
            return True
        return tracked.unsaved > 0 and self._read - tracked.read_then >= LONGEST * self._snapshot_every

    def _take(self, record: Record) -> None:
        if record.is_tombstone:
            return
        if record.topic == topics.SCORES:
            self._expect(record)
            known = self.rollouts.get((record.key or b"").decode(errors="replace"))
            if known is not None and record.offset < known.begins:
                return
        try:
            event = codec.decode(record)
        except UnreadableRecord as error:
            self._says.bury(record, error.message)
            return
        if isinstance(event, RolloutChanged):
            self._on_rollout(event)
        elif scores := scores_of(event):
            self._on_scores(record, event.key, scores)
        else:
            self._says.bury(record, f"a {event.TYPE} does not belong in {record.topic}")

    def _expect(self, record: Record) -> None:
        """Notice a topic that began anew: offsets only grow."""
        read_to = self._read_to.get(record.partition, -1)
        self._read_to[record.partition] = record.offset
        if record.offset <= read_to:
            for tracked in self.known.live():
                self._says.stop(tracked, began_anew(read_to + 1, record.offset))

    def _on_rollout(self, event: RolloutChanged) -> None:
        tracked = self.known.announced(event)
        if tracked is not None:
            tracked.begins = self._read_to.get(0, -1) + 1
            self._catch_up(tracked)
            self._save([tracked])

    def _on_scores(self, record: Record, rollout: str, scores: Sequence[ScoreRecorded]) -> None:
        tracked = self.rollouts.get(rollout)
        if tracked is None:
            self._on_stranger(record, rollout)
        elif not tracked.live:
            self.late += 1
        elif record.offset >= tracked.begins:
            tracked.idle_since = time.monotonic()
            self._read += len(scores)
            for index, score in enumerate(scores):
                self._settle(tracked, record, index, score)

    def _on_stranger(self, record: Record, rollout: str) -> None:
        if self.known.forgotten(rollout):
            self.late += 1
            return
        noted = self.known.unannounced.saw
        if rollout not in self.known.refused and not noted(rollout, record.partition, record.offset):
            self._says.bury(record, f"rollout {rollout!r} is not announced, as many others are not")

    def _settle(self, tracked: Tracked, record: Record, index: int, score: ScoreRecorded) -> None:
        if not tracked.live:
            self.late += 1
            return
        try:
            fresh = tracked.evidence.settle(score, record.partition, record.offset, index)
        except UnreadableRecord as error:
            self._says.bury(record, error.message)
            return
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            ids = {"rollout_id": score.rollout_id, "interaction_id": score.interaction_id}
            log.exception("rollout %s cannot be watched any more", score.rollout_id, extra=ids)
            self._says.stop(
                tracked, f"score {score.event_id} at offset {record.offset} cannot be folded: {error!r}"
            )
            return
        if not fresh:
            self.duplicates += 1
            return
        if not tracked.unsaved:
            tracked.next, tracked.read_then = record.offset, self._read
        tracked.unsaved += 1
        self._says.decide(tracked)
        self._on_settled(tracked)

    # --- rollouts that come, stop and go --------------------------------------------------------------

    def _catch_up(self, tracked: Tracked) -> None:
        """Fold what came before the rollout was announced, up to where this decider has read."""
        rollout = tracked.state.spec.rollout_id
        place = self.known.unannounced.announced(rollout)
        read_to = self._read_to.get(place.partition, -1) if place is not None else -1
        if place is None or place.offset > read_to:
            return
        tracked.begins = min(tracked.begins, place.offset)
        with self._bus.reader([topics.SCORES]) as reader:
            reader.seek(topics.SCORES, place.partition, place.offset)
            while reader.positions().get((topics.SCORES, place.partition), 0) <= read_to:
                for record in reader.poll(0.2):
                    if record.partition == place.partition and record.offset <= read_to:
                        self._take_again(tracked, record)

    def _take_again(self, tracked: Tracked, record: Record) -> None:
        """A record that was passed over before; what is wrong with it was said then."""
        try:
            event = codec.decode(record)
        except UnreadableRecord:
            return
        if event.key == tracked.state.spec.rollout_id:
            for index, score in enumerate(scores_of(event)):
                self._settle(tracked, record, index, score)

    def _let_go(self, now: float) -> None:
        """Empty the memory of rollouts that ended and that no score has come for since a while."""
        for tracked in self.rollouts.values():
            if tracked.ended and not tracked.over and now - tracked.idle_since >= self._linger_s:
                if tracked.live:
                    self._save([tracked])
                    self._says.send(tracked.keeper.withdrawn())
                self.known.let_go(tracked)
        self.known.forget()

    # --- snapshots ------------------------------------------------------------------------------------

    def _save(self, rollouts: list[Tracked]) -> None:
        """Publish snapshots, and before them what is not in any: a restart reads on from the snapshots' offset.

        A new rollout has one at once: nobody need read what came before it, and the publisher's connection is
        open (150 ms) before the first decision has to leave.
        """
        if not rollouts and not self.known.unannounced.changed:
            return
        pieces = [codec.encode(self._mark())]
        for tracked in rollouts:
            evidence = tracked.evidence
            offset = max(self._read_to.get(evidence.partition or 0, -1), evidence.last_offset)
            pieces += tracked.keeper.pieces(evidence, offset, self._topic_id)
        self._says.send(pieces)
        self.known.unannounced.changed = False
        for tracked in rollouts:
            tracked.unsaved, tracked.next, tracked.saved = 0, None, tracked.evidence.settled

    def _mark(self) -> DeciderMarked:
        return DeciderMarked(
            source=SOURCE,
            topic_id=self._topic_id,
            read_to=tuple(
                LogPlace(partition=p, offset=o) for p, o in sorted(self._read_to.items()) if o >= 0
            ),
            unannounced=dict(self.known.unannounced.places),
            saved={t.state.spec.rollout_id: (t.saved, self._next_of(t)) for t in self.known.live()},
        )

    def _next_of(self, tracked: Tracked) -> int:
        """The offset of the first record that a rollout's last snapshot does not hold."""
        read_to = self._read_to.get(tracked.evidence.partition or 0, -1)
        return read_to + 1 if tracked.next is None else tracked.next
