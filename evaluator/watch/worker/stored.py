"""Snapshots as they lie in Kafka, back to evidence: the pieces that belong together, or else those before them."""

from __future__ import annotations

import hashlib
import json
import logging
from base64 import b64decode
from binascii import Error as NotBase64
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.units import ENTRY
from evaluator.watch.worker.saving import CHUNK, Keeper
from telemetry import codec
from telemetry.bus.protocols import Encoded
from telemetry.errors import UnreadableRecord
from telemetry.events import DeciderMarked, Event, RolloutSpec, SnapshotHead, SnapshotTaken, SubjectsMet
from telemetry.topics import SNAPSHOTS

log = logging.getLogger(__name__)


class Restored(NamedTuple):
    """The evidence after `offset` of the scores' partition, and the keeper of its further snapshots."""

    evidence: RolloutEvidence
    keeper: Keeper
    partition: int
    offset: int
    topic_id: str | None


class Head(NamedTuple):
    """A head whose parts are all there."""

    slot: str
    partition: int
    offset: int
    topic_id: str | None
    state: dict[str, object]


@dataclass(slots=True)
class _Pieces:
    """What the topic holds of one rollout; of each piece the last one written."""

    heads: dict[str, dict[int, SnapshotHead]] = field(default_factory=lambda: {"a": {}, "b": {}})
    met: dict[tuple[int, int], SubjectsMet] = field(default_factory=dict)
    old: SnapshotTaken | None = None


class Stored:
    """All snapshots of a topic. `take` the last event of every key in it; then `restore`."""

    def __init__(self) -> None:
        self.mark: DeciderMarked | None = None
        self._of: defaultdict[str, _Pieces] = defaultdict(_Pieces)

    def take(self, event: Event) -> bool:
        """Take in one event; False for one that does not belong here."""
        if isinstance(event, SnapshotHead):
            self._of[event.rollout_id].heads[event.slot][event.part] = event
        elif isinstance(event, SubjectsMet):
            self._of[event.rollout_id].met[event.chunk, event.part] = event
        elif isinstance(event, SnapshotTaken):
            self._of[event.rollout_id].old = event
        elif isinstance(event, DeciderMarked):
            self.mark = event
        else:
            return False
        return True

    def next_of(self, rollout_id: str, saved: int) -> int:
        """The offset from where to read a rollout whose snapshot holds `saved` scores, as far as the mark knows."""
        known = self.mark.saved.get(rollout_id) if self.mark is not None else None
        return known[1] if known is not None and known[0] == saved else 0

    def withdrawn(self, rollout_id: str) -> Iterator[Encoded]:
        """Tombstones for what is left about subjects of a rollout that nothing is settled of."""
        pieces = self._of.get(rollout_id)
        for met in pieces.met.values() if pieces is not None else ():
            yield codec.tombstone(SNAPSHOTS, met.place)

    def restore(self, spec: RolloutSpec, *, to_look_at: bool = False) -> Restored | None:
        """The newest evidence of a rollout that is whole; None where none is, and the scores are all there is.

        `to_look_at` leaves out whom it met: of a rollout that ended nothing is settled any more.
        """
        pieces = self._of.get(spec.rollout_id)
        if pieces is None:
            return None
        heads = [head for slot in "ab" if (head := _whole(pieces.heads[slot].values())) is not None]
        for head in sorted(heads, key=lambda head: -head.offset):
            try:
                return _restored(spec, head, pieces, to_look_at=to_look_at)
            except UnreadableRecord as error:
                log.error("a snapshot is passed over for the one before it: %s", error)  # noqa: TRY400 - the message says it all
        if pieces.old is not None:
            log.warning(
                "the snapshot of rollout %s was written by an older version: its scores are folded from the beginning",
                spec.rollout_id,
            )
        return None


def _whole(parts: Iterable[SnapshotHead]) -> Head | None:
    """The head that a slot's parts make; None where one is missing, or is of another head than the rest."""
    known = {part.part: part for part in parts}
    first = known.get(0)
    if first is None:
        return None
    mine = [known.get(number) for number in range(first.parts)]
    text = "".join(part.text for part in mine if part is not None and part.sha256 == first.sha256)
    if hashlib.sha256(text.encode()).hexdigest() != first.sha256:
        return None
    return Head(first.slot, first.partition, first.offset, first.topic_id, json.loads(text))


def _restored(spec: RolloutSpec, head: Head, pieces: _Pieces, *, to_look_at: bool) -> Restored:
    if to_look_at:
        evidence = RolloutEvidence.from_snapshot(spec, head.state, None)
        return Restored(evidence, Keeper(spec.rollout_id), head.partition, head.offset, head.topic_id)
    entries = _entries(list(pieces.met.values()))
    draws = head.state.get("draws")
    count = draws.get("entries") if isinstance(draws, dict) else 0
    wanted = count * ENTRY.itemsize if isinstance(count, int) else 0
    evidence = RolloutEvidence.from_snapshot(spec, head.state, entries[:wanted])
    chunk = wanted // (CHUNK * ENTRY.itemsize)
    parts = 1 + max((part for at, part in pieces.met if at == chunk), default=-1)
    keeper = Keeper.after(spec.rollout_id, head.slot, entries[:wanted], parts)
    return Restored(evidence, keeper, head.partition, head.offset, head.topic_id)


def _entries(pieces: Sequence[SubjectsMet]) -> bytes:
    """All entries from the first on, up to the first that is missing; what two pieces hold is the same in both."""
    found = bytearray()
    for piece in sorted(pieces, key=lambda piece: piece.start):
        try:
            entries = b64decode(piece.entries, validate=True)
        except NotBase64:
            break
        have = len(found) - piece.start * ENTRY.itemsize
        if have < 0:
            break
        found += entries[have:]
    return bytes(found)
