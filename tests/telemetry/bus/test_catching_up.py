"""Reading to the end: all that is there now, no waiting for what comes later, and no end that never comes."""

from __future__ import annotations

import pytest

from telemetry import codec, topics
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Encoded, Record
from telemetry.errors import BrokerUnavailable


def test_it_stops_at_the_end_as_it_was() -> None:
    bus = MemoryBus()
    bus.ensure_topics()
    with bus.publisher() as publisher:
        for number in range(3):
            publisher.send(Encoded(topics.SCORES, b"r", (), str(number).encode()))
        publisher.flush()
    with bus.reader([topics.SCORES]) as reader:
        assert [record.value for record in read_to_end(reader)] == [b"0", b"1", b"2"]


def test_an_empty_topic_ends_at_once() -> None:
    bus = MemoryBus()
    bus.ensure_topics()
    with bus.reader([topics.DECISIONS]) as reader:
        assert list(read_to_end(reader)) == []


def publish(bus: MemoryBus, *records: Encoded) -> None:
    with bus.publisher() as publisher:
        for record in records:
            publisher.send(record)
        publisher.flush()


def read(bus: MemoryBus, topic: str) -> list[bytes | None]:
    """What the topic holds; half a second of silence before its end would be an error."""
    with bus.reader([topic]) as reader:
        return [record.value for record in read_to_end(reader, patience_s=0.5)]


def test_a_topic_whose_records_have_all_expired_is_read_at_once() -> None:
    bus = MemoryBus()
    bus.ensure_topics()
    publish(bus, *(Encoded(topics.DECISIONS, b"r", (), b"%d" % number) for number in range(3)))
    bus.forget(topics.DECISIONS, 0, before=3)
    assert read(bus, topics.DECISIONS) == []
    publish(bus, Encoded(topics.DECISIONS, b"r", (), b"3"))
    assert read(bus, topics.DECISIONS) == [b"3"]


def test_a_topic_that_ends_in_offsets_which_compaction_took_is_read() -> None:
    bus = MemoryBus()
    bus.ensure_topics()
    publish(
        bus,
        Encoded(topics.SNAPSHOTS, b"a", (), b"1"),
        Encoded(topics.SNAPSHOTS, b"b", (), b"2"),
        codec.tombstone(topics.SNAPSHOTS, "b"),
    )
    assert read(bus, topics.SNAPSHOTS) == [b"1", b"2", None]
    bus.compact(topics.SNAPSHOTS)
    assert read(bus, topics.SNAPSHOTS) == [b"1"]


class Stuck:
    """A reader that stands at offset 2 of 4 and is given nothing more."""

    def __init__(self, *, holds: bool) -> None:
        self._holds = holds

    def poll(self, timeout_s: float) -> list[Record]:  # noqa: ARG002 - the protocol's
        return []

    def begin_offsets(self) -> dict[tuple[str, int], int]:
        return {(topics.ROLLOUTS, 0): 0}

    def end_offsets(self) -> dict[tuple[str, int], int]:
        return {(topics.ROLLOUTS, 0): 4}

    def positions(self) -> dict[tuple[str, int], int]:
        return {(topics.ROLLOUTS, 0): 2}

    def holds_from(self, topic: str, partition: int, offset: int) -> bool:
        assert (topic, partition, offset) == (topics.ROLLOUTS, 0, 2)
        return self._holds


def test_a_topic_that_stays_silent_before_its_end_is_an_unavailable_broker() -> None:
    with pytest.raises(BrokerUnavailable, match=r"belay\.rollouts/0"):
        list(read_to_end(Stuck(holds=True), patience_s=0.0))  # type: ignore[arg-type]  # as much of a Reader as is asked


def test_a_reader_that_stands_before_the_end_is_done_where_the_broker_has_nothing_from_there() -> None:
    stuck = Stuck(holds=False)
    assert list(read_to_end(stuck, patience_s=60.0, ask_s=0.0)) == []  # type: ignore[arg-type]  # likewise
