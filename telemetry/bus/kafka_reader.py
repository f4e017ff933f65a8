"""Reading from Kafka, and asking where its partitions begin and end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Self

from telemetry.bus.kafka_clients import (
    KafkaClients,
    KafkaConsumer,
    OffsetAndMetadata,
    TopicPartition,
    kafka_errors,
)
from telemetry.bus.protocols import Record, Start
from telemetry.errors import InfrastructureError, TopicMissing

_GIVE_UP_S: Final = 2.0


class KafkaReader:
    """A consumer: all partitions by hand without a group, subscribed with one."""

    def __init__(self, clients: KafkaClients, topics: Sequence[str], group: str | None, start: Start) -> None:
        self._clients, self._group = clients, group
        self._topics = [clients.names.topic(topic) for topic in topics]
        self._timeout_ms = clients.settings.request_timeout_ms
        self._probe: KafkaConsumer | None = None
        self._read_to: dict[TopicPartition, int] = {}
        with clients.failures(f"reading {', '.join(topics)}"):
            self._consumer = clients.consumer(group, start)
            try:
                self._partitions = self._find_partitions()
                if group is None:
                    self._consumer.assign(self._partitions)
                    self._seek_to(start)
                else:
                    self._consumer.subscribe(self._topics)
            except BaseException:
                self.close()
                raise

    def poll(self, timeout_s: float = 1.0) -> list[Record]:
        """The next records; an empty list where none came within the time, or while the broker is away.

        Raises TopicMissing once the broker has said that a topic is no more.
        """
        with self._clients.failures("polling"):
            batches = self._consumer.poll(timeout_ms=round(timeout_s * 1000))
            if not batches:
                # kafka-python reads a topic that was deleted as one in which nothing comes.
                self._find_partitions()
        self._read_to |= {partition: batch[-1].offset + 1 for partition, batch in batches.items() if batch}
        return [self._record(message) for batch in batches.values() for message in batch]

    def joined(self) -> bool:
        """Whether the group has given this reader partitions."""
        return bool(self._consumer.assignment())

    def commit(self, done: Mapping[tuple[str, int], int] | None = None) -> None:
        """Commit what `poll` returned so far, or what is `done` of the partitions that are still this reader's."""
        if self._group is None:
            raise InfrastructureError("a reader without a group has nothing to commit to")
        offsets = None
        if done is not None:
            held = self._consumer.assignment()
            named = {self._theirs(*partition): offset for partition, offset in done.items()}
            offsets = {p: OffsetAndMetadata(offset, "", -1) for p, offset in named.items() if p in held}
            if not offsets:
                return
        with self._clients.failures(f"committing for group {self._group}"):
            self._consumer.commit(offsets, timeout_ms=self._timeout_ms)

    def end_offsets(self) -> dict[tuple[str, int], int]:
        """The high watermark of every partition."""
        with self._clients.failures("asking for the ends"):
            listed = self._asking().end_offsets(self._partitions, self._timeout_ms)
            marks = _fetched_from(self._asking(), listed, self._timeout_ms).marks
        return {self._ours(p): max(listed[p], mark) for p, mark in marks.items()}

    def begin_offsets(self) -> dict[tuple[str, int], int]:
        """The log start offset of every partition."""
        with self._clients.failures("asking for the beginnings"):
            begins = self._asking().beginning_offsets(self._partitions, self._timeout_ms)
        return {self._ours(p): begin for p, begin in begins.items()}

    def offsets_at(self, time_ms: int) -> dict[tuple[str, int], int]:
        """What the broker's index of times says of every partition."""
        asked = dict.fromkeys(self._partitions, max(0, time_ms))
        with self._clients.failures("asking what was written when"):
            told = self._asking().offsets_for_times(asked, self._timeout_ms)
        ends = self.end_offsets()
        # None, or a time of -1 from some brokers: nothing is that late.
        found = {self._ours(p): at.offset for p, at in told.items() if at is not None and at.timestamp >= 0}
        return ends | found

    def positions(self) -> dict[tuple[str, int], int]:
        """Where each partition that this reader holds will be fetched from."""
        with self._clients.failures("asking for the positions"):
            places = {
                p: self._consumer.position(p, timeout_ms=self._timeout_ms)
                for p in self._consumer.assignment()
            }
        return {self._ours(p): place for p, place in places.items() if place is not None}

    def read_to(self) -> dict[tuple[str, int], int]:
        """Where it is by the records that came, of the partitions that it still holds."""
        held = self._consumer.assignment()
        self._read_to = {partition: at for partition, at in self._read_to.items() if partition in held}
        return {self._ours(partition): at for partition, at in self._read_to.items()}

    def holds_from(self, topic: str, partition: int, offset: int) -> bool:
        """Whether a fetch of this partition alone, from this offset, is answered with anything."""
        where = self._theirs(topic, partition)
        with self._clients.failures("asking for what is left"):
            # Alone: where several are asked for, one may fill the answer.
            answer = _fetched_from(self._asking(), {where: offset}, self._timeout_ms)
        return answer.found or answer.places[where] > offset

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Go on from this offset."""
        with self._clients.failures("seeking"):
            self._consumer.seek(self._theirs(topic, partition), offset)
        self._read_to[self._theirs(topic, partition)] = offset

    def close(self) -> None:
        """Leave the group, if any; nothing is committed by closing."""
        for consumer in (self._consumer, self._probe):
            if consumer is not None:
                consumer.close(autocommit=False, timeout_ms=_GIVE_UP_S * 1000)

    def _asking(self) -> KafkaConsumer:
        """A consumer beside the one that reads, for questions."""
        if self._probe is None:
            # Within a session a broker leaves out what has not changed, so that a question asked twice has no answer.
            self._probe = self._clients.consumer(None, "earliest", enable_incremental_fetch_sessions=False)
        return self._probe

    def _find_partitions(self) -> list[TopicPartition]:
        found = []
        for topic in self._topics:
            numbers = self._consumer.partitions_for_topic(topic)
            if not numbers:
                raise TopicMissing(
                    f"the broker at {self._clients.settings.bootstrap_servers} has no topic {topic!r}",
                    hint="Call ensure_topics() first, or create it where this user may not.",
                )
            found += [TopicPartition(topic, number) for number in sorted(numbers)]
        return found

    def _seek_to(self, start: Start) -> None:
        if start == "earliest":
            self._consumer.seek_to_beginning(*self._partitions)
            return
        for (topic, partition), end in self.end_offsets().items():
            self.seek(topic, partition, end)

    def _ours(self, partition: TopicPartition) -> tuple[str, int]:
        return self._clients.names.ours(partition.topic), partition.partition

    def _theirs(self, topic: str, partition: int) -> TopicPartition:
        return TopicPartition(self._clients.names.topic(topic), partition)

    def _record(self, message: Any) -> Record:
        return Record(
            topic=self._clients.names.ours(message.topic),
            partition=message.partition,
            offset=message.offset,
            key=message.key,
            headers=tuple(message.headers),
            value=message.value,
            timestamp_ms=message.timestamp,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Answer(NamedTuple):
    """What a fetch said: high watermarks, whether there were records, and where the reader stands after it."""

    marks: dict[TopicPartition, int]
    found: bool
    places: dict[TopicPartition, int]


def _fetched_from(consumer: KafkaConsumer, places: Mapping[TopicPartition, int], timeout_ms: int) -> _Answer:
    """Fetch each partition from its place until all have been answered for."""
    consumer.assign([])
    consumer.assign(list(places))  # forgets the watermarks of the last time
    for partition, place in places.items():
        consumer.seek(partition, place)
    deadline = time.monotonic() + timeout_ms / 1000
    found = False
    while True:
        found = bool(consumer.poll(timeout_ms=5)) or found
        marks = {partition: consumer.highwater(partition) for partition in places}
        if all(mark is not None for mark in marks.values()):
            # What came with the last of the answers is handed out by the next poll.
            found = bool(consumer.poll(timeout_ms=0)) or found
            return _Answer(marks, found, {p: consumer.position(p, timeout_ms) for p in places})
        if time.monotonic() > deadline:
            raise kafka_errors.KafkaTimeoutError(f"no fetch was answered within {timeout_ms} ms")
