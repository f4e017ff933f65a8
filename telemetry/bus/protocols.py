"""What a broker is to the rest of Belay: three small protocols and the two values that pass through them.

`telemetry.bus.kafka_bus` puts Kafka behind them, `telemetry.bus.memory_bus` a few lists. Delivery is at least once,
in order within a partition; consumers deduplicate by event id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, Self

Headers = tuple[tuple[str, bytes], ...]
Start = Literal["earliest", "latest"]

BROKER_RECORD_BYTES: Final = 1 << 20
"""What kafka-python (`max_request_size`) and Apache Kafka take of one record, unless somebody changed it."""

# Apache Kafka's `message.max.bytes` is 1,048,588 unless somebody changed it; a larger record is refused for
# ever, and whoever kept offering it would never get past it.
MAX_RECORD_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Encoded:
    """A record to be written: what `codec.encode` makes of an event, or a tombstone, whose value is None."""

    topic: str
    key: bytes
    headers: Headers
    value: bytes | None

    @property
    def size(self) -> int:
        """Bytes that count towards `MAX_RECORD_BYTES`; the few of the record's own framing are left out."""
        headers = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.key) + len(self.value or b"") + headers


@dataclass(frozen=True, slots=True)
class Record:
    """A record as read. `timestamp_ms` is when it was produced, in milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Headers
    value: bytes | None
    timestamp_ms: int

    @property
    def is_tombstone(self) -> bool:
        """Whether it says that its key's earlier records hold no more; there is no event in it."""
        return self.value is None


class Publisher(Protocol):
    """Writes records. Used by one thread."""

    def send(self, encoded: Encoded) -> None:
        """Queue a record. Raises RecordTooLarge, and BrokerUnavailable where no broker can be found."""

    def flush(self, timeout_s: float = 10.0) -> None:
        """Return when all that was queued is acknowledged, else raise BrokerUnavailable.

        After an error the queue is empty and the publisher can be used again: what was sent since the last
        successful flush may or may not have arrived, and is to be sent once more.
        """

    def close(self) -> None:
        """Drop what was not flushed and let go of the broker."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class Reader(Protocol):
    """Reads topics in offset order within each partition. Used by one thread."""

    def poll(self, timeout_s: float = 1.0) -> list[Record]:
        """The next records, or an empty list where none came within the time. Raises TopicMissing."""

    def joined(self) -> bool:
        """Whether there are partitions to read: at once without a group, with one when it has given some."""

    def commit(self, done: Mapping[tuple[str, int], int] | None = None) -> None:
        """Remember for the group that everything which `poll` returned is done. Needs a group.

        With `done`, that of each (topic, partition) everything before this offset is; a partition that the group has
        given to another reader meanwhile is left to that one.
        """

    def end_offsets(self) -> dict[tuple[str, int], int]:
        """For each (topic, partition) of the topics: the offset that the next record written will have."""

    def begin_offsets(self) -> dict[tuple[str, int], int]:
        """For each (topic, partition): the first offset that retention has left; the end, where it left none."""

    def offsets_at(self, time_ms: int) -> dict[tuple[str, int], int]:
        """For each (topic, partition): the first offset of a record of this time (ms since the epoch) or a later one.

        The end, where there is none. A record's time is that of whoever wrote it, or the broker's own where the topic
        is set so: records behind the offset may be earlier ones, by as much as clocks are apart.
        """

    def positions(self) -> dict[tuple[str, int], int]:
        """For each partition that is read: what lies before this offset was returned, or is no more.

        A partition whose place is not known yet is absent.
        """

    def read_to(self) -> dict[tuple[str, int], int]:
        """As `positions`, of those partitions from which something came. Asks nobody, so that it never waits."""

    def holds_from(self, topic: str, partition: int, offset: int) -> bool:
        """Whether the broker, asked anew, has something at this offset or behind it.

        Compaction takes records from the end of a partition too, so that offsets below the end may be empty.
        """

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Go on from this offset. Needs a reader without a group."""

    def close(self) -> None:
        """Leave the group, if any; nothing is committed by closing."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class Bus(Protocol):
    """A broker."""

    def ensure_topics(self) -> None:
        """Create those of `topics.TOPICS` that are missing. Raises BrokerUnavailable."""

    def topic_id(self, topic: str) -> str | None:
        """What tells this topic from one of its name before or after it: deleted and made again, it has another.

        The broker is asked anew. None where it gives topics no ids (Apache Kafka before 2.8); offsets that
        begin anew are the only sign there. Raises BrokerUnavailable, and its TopicMissing.
        """

    def publisher(self) -> Publisher:
        """A new publisher; it looks for the broker when it first sends."""

    def reader(self, topics: Sequence[str], group: str | None = None, start: Start = "earliest") -> Reader:
        """A new reader. Raises BrokerUnavailable, and its TopicMissing where a topic does not exist.

        Without a group it reads every partition from `start` (or from where `seek` puts it). With one it
        shares the partitions with the group's other readers and goes on from the last commit; `start` holds
        where there is none.
        """
