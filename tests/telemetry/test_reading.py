"""The events of a topic: what is none stops nobody, and is counted once however often the topic is read."""

from __future__ import annotations

from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Encoded
from telemetry.reading import Unreadable, events_in
from tests.telemetry.samples import rollout


def bus_with(*records: Encoded) -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    with bus.publisher() as publisher:
        for record in records:
            publisher.send(record)
        publisher.flush()
    return bus


def damaged(topic: str) -> Encoded:
    return Encoded(topic, b"k", (("ce_id", b"x"),), b"{")


def test_what_is_readable_comes_with_its_record_and_the_rest_is_counted_once() -> None:
    event, bad = codec.encode(rollout()), damaged(topics.ROLLOUTS)
    bus, unreadable = bus_with(bad, event, bad, event), Unreadable()
    for _ in range(2):
        assert [record.offset for record, _ in events_in(bus, topics.ROLLOUTS, unreadable)] == [1, 3]
    assert len(unreadable) == 2


def test_it_is_told_by_topic_with_the_first_of_them() -> None:
    bus, unreadable = bus_with(*map(damaged, [topics.SCORES, topics.SCORES, topics.DECISIONS])), Unreadable()
    assert unreadable.told() == []
    for topic in (topics.SCORES, topics.DECISIONS):
        assert list(events_in(bus, topic, unreadable)) == []
    assert unreadable.told() == [
        "passed over: 1 record of belay.decisions that cannot be read, first offset 0 of partition 0",
        "passed over: 2 records of belay.scores that cannot be read, first offset 0 of partition 0",
    ]


def test_a_tombstone_is_passed_over_and_is_nothing_unreadable() -> None:
    bus = MemoryBus()
    bus.ensure_topics()
    with bus.publisher() as publisher:
        publisher.send(codec.tombstone(topics.SNAPSHOTS, "rollout"))
        publisher.flush()
    unreadable = Unreadable()
    assert list(events_in(bus, topics.SNAPSHOTS, unreadable)) == []
    assert unreadable.told() == []
