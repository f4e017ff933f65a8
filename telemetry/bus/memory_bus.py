"""A broker made of lists, for unit tests of the logic that sits on a bus. Threads may share it.

It refuses what a broker refuses (a record of more than a megabyte), and where it is told to it forgets, compacts, and
loses a topic.
"""

from __future__ import annotations

import itertools
import threading
import time
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Self

from telemetry.bus.protocols import BROKER_RECORD_BYTES, Encoded, Record, Start
from telemetry.errors import BrokerUnavailable, InfrastructureError, RecordTooLarge, TopicMissing
from telemetry.topics import TOPICS

Partition = tuple[str, int]


class MemoryBus:
    """Partitions, offsets and groups as in Kafka. Nothing is deleted or compacted but by a call.

    Set `down` to make every call fail as a missing broker does. What others do with it can be waited for: `refused`
    counts the calls that failed so, `idle` by topic the polls that came back empty.
    """

    def __init__(self) -> None:
        self.down = False
        self.refused = 0
        self.idle: Counter[str] = Counter()
        self.logs: dict[Partition, list[Record]] = {}
        self.begins: dict[Partition, int] = {}
        self.ends: dict[Partition, int] = {}
        self.made: Counter[str] = Counter()
        self.committed: dict[tuple[str, Partition], int] = {}
        self.members: dict[str, list[MemoryReader]] = {}
        self.changed = threading.Condition(threading.RLock())

    def ensure_topics(self) -> None:
        """Create those of `topics.TOPICS` that are missing."""
        self.check_up()
        with self.changed:
            for topic in TOPICS:
                if (topic.name, 0) not in self.logs:
                    self.made[topic.name] += 1
                for partition in range(topic.partitions):
                    self.logs.setdefault((topic.name, partition), [])

    def topic_id(self, topic: str) -> str | None:
        """The topic's name and how often it was made."""
        self.check_up()
        with self.changed:
            self.partitions(topic)
            return f"{topic}#{self.made[topic]}"

    def publisher(self) -> MemoryPublisher:
        """A new publisher."""
        return MemoryPublisher(self)

    def reader(
        self, topics: Sequence[str], group: str | None = None, start: Start = "earliest"
    ) -> MemoryReader:
        """A new reader."""
        self.check_up()
        return MemoryReader(self, topics, group, start)

    def partitions(self, topic: str) -> list[Partition]:
        """All partitions of a topic, in order; TopicMissing where there is no such topic."""
        found = sorted(partition for partition in self.logs if partition[0] == topic)
        if not found:
            raise TopicMissing(f"no topic {topic!r} in memory", hint="Call ensure_topics() first.")
        return found

    def forget(self, topic: str, partition: int, before: int) -> None:
        """Delete the records below the offset `before`, as a topic's retention does; offsets stay as they are."""
        with self.changed:
            where = (topic, partition)
            self.begins[where] = max(self.first(where), min(before, self.end(where)))
            self.logs[where] = [record for record in self.logs[where] if record.offset >= before]

    def delete_before(self, topic: str, offsets: Mapping[int, int]) -> None:
        """As `forget`, of several partitions."""
        for partition, before in offsets.items():
            self.forget(topic, partition, before)

    def compact(self, topic: str) -> None:
        """Keep the latest record of each key and no tombstone, as Kafka does in the end; offsets stay as they are."""
        with self.changed:
            for where in self.partitions(topic):
                latest = {record.key: record for record in self.logs[where]}
                kept = (record for record in latest.values() if not record.is_tombstone)
                self.logs[where] = sorted(kept, key=_offset)

    def delete(self, topic: str) -> None:
        """Delete a topic and what groups had committed of it; made again, its offsets begin at 0."""
        with self.changed:
            for where in self.partitions(topic):
                del self.logs[where]
                self.begins.pop(where, None)
                self.ends.pop(where, None)
                for group, partition in [key for key in self.committed if key[1] == where]:
                    del self.committed[group, partition]
            self.changed.notify_all()

    def first(self, where: Partition) -> int:
        """The first offset that retention has left, or that of the next record where it left none."""
        return self.begins.get(where, 0)

    def end(self, where: Partition) -> int:
        """The offset that the next record will have."""
        return self.ends.get(where, 0)

    def records_from(self, where: Partition, offset: int) -> list[Record]:
        """The records at this offset and behind it."""
        log = self.logs[where]
        return log[bisect_left(log, offset, key=_offset) :]

    def check_up(self) -> None:
        """Raise BrokerUnavailable while `down` is set."""
        if self.down:
            self.refused += 1
            raise BrokerUnavailable("the broker in memory was told to be down")


class MemoryPublisher:
    """Records become visible to readers when they are flushed."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus
        self._queued: list[Encoded | Record] = []

    def send(self, encoded: Encoded) -> None:
        """Queue a record. Raises RecordTooLarge."""
        if encoded.size > BROKER_RECORD_BYTES:
            raise RecordTooLarge(
                f"a record of {encoded.size} bytes for {encoded.topic}: a broker takes {BROKER_RECORD_BYTES}"
            )
        self._queued.append(encoded)

    def send_to(self, record: Record) -> None:
        """Queue a record for its own partition, with its own timestamp."""
        self._queued.append(record)

    def flush(self, timeout_s: float = 10.0) -> None:  # noqa: ARG002 (the protocol's; nothing here waits)
        """Write what was queued."""
        queued, self._queued = self._queued, []
        self._bus.check_up()
        with self._bus.changed:
            for encoded in queued:
                self._write(encoded)
            self._bus.changed.notify_all()

    def close(self) -> None:
        """Drop what was not flushed."""
        self._queued.clear()

    def _write(self, what: Encoded | Record) -> None:
        partitions = self._bus.partitions(what.topic)
        if isinstance(what, Record):
            where, at_ms = (what.topic, what.partition), what.timestamp_ms
        else:
            where = partitions[zlib.crc32(what.key) % len(partitions)]
            at_ms = time.time_ns() // 1_000_000
        offset = self._bus.end(where)
        self._bus.logs[where].append(Record(*where, offset, what.key, what.headers, what.value, at_ms))
        self._bus.ends[where] = offset + 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class MemoryReader:
    """When a member joins or leaves a group, all its members go back to what was committed, as in Kafka."""

    def __init__(self, bus: MemoryBus, topics: Sequence[str], group: str | None, start: Start) -> None:
        self._bus, self._group, self._start = bus, group, start
        with bus.changed:
            self._all = [partition for topic in topics for partition in bus.partitions(topic)]
            self._positions: dict[Partition, int] = {}
            if group is None:
                self._positions = {partition: self._first(partition) for partition in self._all}
            else:
                bus.members.setdefault(group, []).append(self)
                self._rebalance(group)

    def joined(self) -> bool:
        """Whether the group has given this reader partitions."""
        return bool(self._positions)

    def poll(self, timeout_s: float = 1.0) -> list[Record]:
        """The next records of all partitions, or an empty list after the time."""
        self._bus.check_up()
        with self._bus.changed:
            self._bus.changed.wait_for(self._has_more, timeout_s)
            for topic, _ in self._all:
                self._bus.partitions(topic)
            found: list[Record] = []
            for partition, position in self._positions.items():
                # As Kafka's readers do by default: what was deleted under one is passed over, and one that stands
                # beyond the end, since the topic began anew, goes to the beginning.
                beyond = position > self._bus.end(partition)
                found += self._bus.records_from(partition, 0 if beyond else position)
                self._positions[partition] = self._bus.end(partition)
            if not found:
                self._bus.idle.update({topic for topic, _ in self._all})
            return found

    def commit(self, done: Mapping[Partition, int] | None = None) -> None:
        """Remember for the group where this reader is, or how far it is done."""
        if self._group is None:
            raise InfrastructureError("a reader without a group has nothing to commit to")
        self._bus.check_up()
        with self._bus.changed:
            for partition, position in self._positions.items():
                if done is None or partition in done:
                    self._bus.committed[self._group, partition] = (
                        position if done is None else done[partition]
                    )

    def end_offsets(self) -> dict[Partition, int]:
        """Where every partition ends."""
        self._bus.check_up()
        with self._bus.changed:
            return {partition: self._bus.end(partition) for partition in self._all}

    def begin_offsets(self) -> dict[Partition, int]:
        """Where every partition begins."""
        self._bus.check_up()
        with self._bus.changed:
            return {partition: self._bus.first(partition) for partition in self._all}

    def offsets_at(self, time_ms: int) -> dict[Partition, int]:
        """Where every partition has its first record of this time or a later one."""
        self._bus.check_up()
        with self._bus.changed:
            return {
                where: next(
                    (r.offset for r in self._bus.logs[where] if r.timestamp_ms >= time_ms),
                    self._bus.end(where),
                )
                for where in self._all
            }

    def positions(self) -> dict[Partition, int]:
        """Where this reader stands."""
        return dict(self._positions)

    def read_to(self) -> dict[Partition, int]:
        """Where this reader stands, by what it was given."""
        return {partition: position for partition, position in self._positions.items() if position}

    def holds_from(self, topic: str, partition: int, offset: int) -> bool:
        """Whether there is a record at this offset or behind it."""
        self._bus.check_up()
        with self._bus.changed:
            return bool(self._bus.records_from((topic, partition), offset))

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Go on from this offset."""
        self._positions[topic, partition] = offset

    def close(self) -> None:
        """Leave the group."""
        with self._bus.changed:
            members = self._bus.members.get(self._group or "", [])
            if self._group is not None and self in members:
                members.remove(self)
                self._rebalance(self._group)

    def _rebalance(self, group: str) -> None:
        members = self._bus.members[group]
        for member in members:
            member._positions = {}
        for partition, member in zip(self._all, itertools.cycle(members), strict=False):
            member._positions[partition] = member._first(partition)

    def _first(self, partition: Partition) -> int:
        committed = self._bus.committed.get((self._group, partition)) if self._group is not None else None
        if committed is not None:
            return committed
        return self._bus.first(partition) if self._start == "earliest" else self._bus.end(partition)

    def _has_more(self) -> bool:
        return any(self._bus.end(where) != position for where, position in self._positions.items())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _offset(record: Record) -> int:
    return record.offset
