import threading

import pytest

from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import BROKER_RECORD_BYTES, Encoded, Record
from telemetry.errors import BrokerUnavailable, InfrastructureError, RecordTooLarge, TopicMissing
from telemetry.topics import INTERACTIONS, SCORES


@pytest.fixture
def bus() -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    return bus


def publish(bus: MemoryBus, *values: str, topic: str = SCORES) -> None:
    with bus.publisher() as publisher:
        for value in values:
            publisher.send(Encoded(topic, value.encode(), (), value.encode()))
        publisher.flush()


def values(records: list[Record]) -> list[str]:
    return [(record.value or b"").decode() for record in records]


def test_only_flushed_records_are_visible_and_offsets_count_from_zero(bus: MemoryBus) -> None:
    publisher, reader = bus.publisher(), bus.reader([SCORES])
    publisher.send(Encoded(SCORES, b"k", (), b"a"))
    assert reader.poll(0) == []
    publisher.flush()
    publish(bus, "b")
    assert [(r.offset, r.value) for r in reader.poll(0)] == [(0, b"a"), (1, b"b")]
    assert reader.poll(0) == []
    assert reader.end_offsets() == {(SCORES, 0): 2}


def test_one_key_stays_in_one_partition(bus: MemoryBus) -> None:
    publish(bus, *"abcdefgh" * 5, topic=INTERACTIONS)
    records = bus.reader([INTERACTIONS]).poll(0)
    partitions = {record.key: {r.partition for r in records if r.key == record.key} for record in records}
    assert all(len(found) == 1 for found in partitions.values())
    assert len(set.union(*partitions.values())) > 1


def test_latest_skips_what_is_there_and_seek_goes_back(bus: MemoryBus) -> None:
    publish(bus, "a", "b")
    reader = bus.reader([SCORES], start="latest")
    publish(bus, "c")
    assert values(reader.poll(0)) == ["c"]
    reader.seek(SCORES, 0, 1)
    assert values(reader.poll(0)) == ["b", "c"]


def test_what_was_written_at_a_time_or_later_begins_at_an_offset(bus: MemoryBus) -> None:
    with bus.publisher() as publisher:
        for ms in (10, 20, 20, 30):
            publisher.send_to(Record(SCORES, 0, 0, b"k", (), b"v", ms))
        publisher.flush()
    bus.forget(SCORES, 0, 1)
    reader = bus.reader([SCORES])
    assert [reader.offsets_at(ms)[SCORES, 0] for ms in (0, 20, 21, 30, 31)] == [1, 1, 3, 3, 4]


def test_a_group_goes_on_from_its_commit_and_shares_its_partitions(bus: MemoryBus) -> None:
    publish(bus, *"abcdefgh", topic=INTERACTIONS)
    with bus.reader([INTERACTIONS], group="g") as reader:
        assert len(reader.poll(0)) == 8
        reader.commit()
        publish(bus, *"ijkl", topic=INTERACTIONS)
        assert len(reader.poll(0)) == 4
    with bus.reader([INTERACTIONS], group="g") as one, bus.reader([INTERACTIONS], group="g") as two:
        assert sorted(values(one.poll(0)) + values(two.poll(0))) == list("ijkl")
    assert len(bus.reader([INTERACTIONS], group="other").poll(0)) == 12


def test_poll_wakes_when_a_record_comes(bus: MemoryBus) -> None:
    reader = bus.reader([SCORES])
    writer = threading.Timer(0.05, publish, (bus, "a"))
    writer.start()
    assert values(reader.poll(5)) == ["a"]
    writer.join()


def test_a_broker_that_is_down_fails_as_kafka_does_and_drops_the_queue(bus: MemoryBus) -> None:
    publisher, reader = bus.publisher(), bus.reader([SCORES])
    publisher.send(Encoded(SCORES, b"k", (), b"lost"))
    bus.down = True
    with pytest.raises(BrokerUnavailable):
        publisher.flush()
    with pytest.raises(BrokerUnavailable):
        reader.poll(0)
    bus.down = False
    publisher.flush()
    assert reader.poll(0) == []


def test_a_missing_topic_and_a_commit_without_group_are_errors(bus: MemoryBus) -> None:
    with pytest.raises(TopicMissing, match="no topic 'none'"):
        bus.reader(["none"])
    with pytest.raises(InfrastructureError, match="without a group"):
        bus.reader([SCORES]).commit()


def test_a_record_that_a_broker_refuses_is_refused_when_it_is_sent() -> None:
    bus = MemoryBus()
    bus.ensure_topics()
    with bus.publisher() as publisher:
        publisher.send(Encoded(SCORES, b"k", (), b"x" * (BROKER_RECORD_BYTES - 1)))
        with pytest.raises(RecordTooLarge, match=rf"{BROKER_RECORD_BYTES + 1} bytes for belay.scores"):
            publisher.send(Encoded(SCORES, b"k", (), b"x" * BROKER_RECORD_BYTES))
        publisher.flush()
    with bus.reader([SCORES]) as reader:
        assert len(reader.poll(0)) == 1


def test_what_retention_took_is_gone_and_offsets_stay() -> None:
    bus = MemoryBus()
    bus.ensure_topics()
    with bus.publisher() as publisher, bus.reader([SCORES]) as early:
        for number in range(5):
            publisher.send(Encoded(SCORES, b"k", (), b"%d" % number))
        publisher.flush()
        bus.forget(SCORES, 0, before=3)
        with bus.reader([SCORES]) as late:
            assert [(r.offset, r.value) for r in late.poll(0)] == [(3, b"3"), (4, b"4")]
            assert late.end_offsets() == {(SCORES, 0): 5}
            publisher.send(Encoded(SCORES, b"k", (), b"5"))
            publisher.flush()
            assert [r.offset for r in late.poll(0)] == [5]
        assert [r.offset for r in early.poll(0)] == [3, 4, 5], (
            "a reader passes over what was deleted under it"
        )
        bus.forget(SCORES, 0, before=99)
        with bus.reader([SCORES]) as nothing:
            assert nothing.poll(0) == []
            assert nothing.end_offsets() == {(SCORES, 0): 6}


def test_a_topic_that_was_deleted_is_missing_until_it_is_made_anew_and_begins_at_zero(bus: MemoryBus) -> None:
    publish(bus, "a", "b")
    reader = bus.reader([SCORES])
    assert values(reader.poll(0)) == ["a", "b"]
    first = bus.topic_id(SCORES)
    bus.delete(SCORES)
    with pytest.raises(TopicMissing):
        reader.poll(0)
    with pytest.raises(TopicMissing):
        publish(bus, "c")
    bus.ensure_topics()
    assert bus.topic_id(SCORES) not in (first, None)
    publish(bus, "c")
    assert [(r.offset, r.value) for r in reader.poll(0)] == [(0, b"c")]


def test_compaction_keeps_the_latest_of_each_key_where_it_was(bus: MemoryBus) -> None:
    with bus.publisher() as publisher:
        for key, value in ((b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"b", None)):
            publisher.send(Encoded(SCORES, key, (), value))
        publisher.flush()
    bus.compact(SCORES)
    with bus.reader([SCORES]) as reader:
        assert (reader.begin_offsets(), reader.end_offsets()) == ({(SCORES, 0): 0}, {(SCORES, 0): 4})
        assert reader.holds_from(SCORES, 0, 2)
        assert not reader.holds_from(SCORES, 0, 3)
        assert [(r.offset, r.value) for r in reader.poll(0)] == [(2, b"3")]
        assert reader.positions() == {(SCORES, 0): 4}
