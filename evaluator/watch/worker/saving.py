"""A snapshot in pieces: what changed since the last one is written, and no record is large.

The state without subjects is small and written whole, in one of two slots by turns. Whom the evidence met only grows:
new entries are appended as parts of a chunk; a chunk that is full is written once more as one record and its parts are
withdrawn, so that a topic that is compacted holds each entry once.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from typing import Final

import pydantic_core

from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.units import ENTRY
from telemetry import codec
from telemetry.bus.protocols import Encoded
from telemetry.events import SnapshotHead, SubjectsMet
from telemetry.topics import SNAPSHOTS

SOURCE: Final = "belay/decider"
CHUNK: Final = 16_384
"""Entries of a full chunk: 160 kB, 213 kB as base64."""
MOST_PARTS: Final = 32
"""Parts of a chunk before they are made one."""
HEAD_CHARACTERS: Final = 60_000
"""Of a head in one record: at most 4 bytes each, and a quote costs one more."""


class Keeper:
    """What there is in Kafka of one rollout's snapshots, and what the next one adds. Used by one thread."""

    def __init__(self, rollout_id: str) -> None:
        self._rollout = rollout_id
        self._slot = 0
        self._chunk = 0
        self._parts = 0
        self._tail = bytearray()

    @classmethod
    def after(cls, rollout_id: str, slot: str, entries: bytes, parts: int) -> Keeper:
        """The keeper that goes on after a snapshot that was restored: from its slot, entries and last chunk's parts."""
        new = cls(rollout_id)
        new._slot = 1 - "ab".index(slot)
        whole = len(entries) // (CHUNK * ENTRY.itemsize)
        new._chunk = whole
        new._tail = bytearray(entries[whole * CHUNK * ENTRY.itemsize :])
        new._parts = parts
        return new

    def pieces(self, evidence: RolloutEvidence, offset: int, topic_id: str | None) -> Iterator[Encoded]:
        """The records of the next snapshot, in the order in which they are to be written.

        `offset` is the last one of the scores' partition that has been read, `topic_id` their topic's.
        """
        yield from self._subjects(evidence.draws.taken())
        yield from self._head(evidence, offset, topic_id)

    def withdrawn(self) -> Iterator[Encoded]:
        """Tombstones for all that is written about subjects: of a rollout that ended nobody needs it."""
        for chunk in range(self._chunk):
            yield self._tombstone(chunk, 0)
        for part in range(self._parts):
            yield self._tombstone(self._chunk, part)

    def _subjects(self, entries: bytes) -> Iterator[Encoded]:
        size = CHUNK * ENTRY.itemsize
        while entries:
            now, entries = entries[: size - len(self._tail)], entries[size - len(self._tail) :]
            start = self._chunk * CHUNK + len(self._tail) // ENTRY.itemsize
            self._tail += now
            if len(self._tail) < size and self._parts < MOST_PARTS:
                yield self._met(self._parts, start, now)
                self._parts += 1
                continue
            yield self._met(0, self._chunk * CHUNK, bytes(self._tail))
            for part in range(1, self._parts):
                yield self._tombstone(self._chunk, part)
            self._parts = 1
            if len(self._tail) == size:
                self._chunk, self._parts, self._tail = self._chunk + 1, 0, bytearray()

    def _met(self, part: int, start: int, entries: bytes) -> Encoded:
        return codec.encode(
            SubjectsMet(
                source=SOURCE,
                rollout_id=self._rollout,
                chunk=self._chunk,
                part=part,
                start=start,
                entries=b64encode(entries).decode("ascii"),
            )
        )

    def _tombstone(self, chunk: int, part: int) -> Encoded:
        return codec.tombstone(SNAPSHOTS, f"{self._rollout}/met/{chunk}/{part}")

    def _head(self, evidence: RolloutEvidence, offset: int, topic_id: str | None) -> Iterator[Encoded]:
        text = pydantic_core.to_json(evidence.to_snapshot(), inf_nan_mode="strings").decode()
        texts = [text[at : at + HEAD_CHARACTERS] for at in range(0, len(text), HEAD_CHARACTERS)]
        digest = hashlib.sha256(text.encode()).hexdigest()
        slot, self._slot = self._slot, 1 - self._slot
        for part, piece in enumerate(texts):
            yield codec.encode(
                SnapshotHead(
                    source=SOURCE,
                    rollout_id=self._rollout,
                    slot="ab"[slot],
                    part=part,
                    parts=len(texts),
                    sha256=digest,
                    partition=evidence.partition or 0,
                    offset=offset,
                    topic_id=topic_id,
                    text=piece,
                )
            )
