import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from belay.launcher.embedded_broker import EmbeddedBroker
from telemetry import codec, topics
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.bus.kafka_clients import TopicPartition
from telemetry.bus.protocols import MAX_RECORD_BYTES, Encoded, Reader, Record
from telemetry.errors import (
    BrokerUnavailable,
    InfrastructureError,
    RecordTooLarge,
    SettingsError,
    TopicMissing,
)
from telemetry.events import new_id
from telemetry.topics import TopicSettings
from tests.conftest import a_free_port, running_kafka

QUICK = {"connect_timeout_ms": 1500, "request_timeout_ms": 2000}


# Brokers of their own, in the place of those that the session shares: what is sent here is no event.
@pytest.fixture(scope="module")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedBroker(a_free_port(), tmp_path_factory.mktemp("tansu") / "broker.log") as broker:
        yield broker.bootstrap_servers


@pytest.fixture(scope="module")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_kafka(tmp_path_factory.mktemp("kafka") / "cluster") as address:
        yield address


@pytest.fixture
def bus(broker: str) -> KafkaBus:
    bus = KafkaBus(BusSettings(bootstrap_servers=broker))
    bus.ensure_topics()
    return bus


def encoded(topic: str, key: str, value: str) -> Encoded:
    return Encoded(topic, key.encode(), (("ce_id", key.encode()),), value.encode())


def publish(bus: KafkaBus, records: list[Encoded]) -> None:
    with bus.publisher() as publisher:
        for record in records:
            publisher.send(record)
        publisher.flush()


def poll_until(reader: Reader, count: int, timeout_s: float = 20.0) -> list[Record]:
    deadline = time.monotonic() + timeout_s
    found: list[Record] = []
    while len(found) < count and time.monotonic() < deadline:
        found += reader.poll(0.1)
    return found


def test_topics_are_created_once_with_their_partitions_and_creating_them_again_is_harmless(
    bus: KafkaBus,
) -> None:
    bus.ensure_topics()
    for topic in topics.TOPICS:
        with bus.reader([topic.name]) as reader:
            assert len(reader.end_offsets()) == topic.partitions


def test_a_record_comes_back_as_it_was_sent(bus: KafkaBus) -> None:
    sent = Encoded(topics.SCORES, b"k\xff", (("ce_id", "ü".encode()), ("empty", b"")), b'{"a": "\\u0000"}')
    before = time.time() * 1000
    with bus.reader([topics.SCORES], start="latest") as reader:
        publish(bus, [sent])
        (record,) = poll_until(reader, 1)
    assert (record.topic, record.key, record.headers, record.value) == tuple(
        getattr(sent, name) for name in ("topic", "key", "headers", "value")
    )
    assert before - 1000 <= record.timestamp_ms <= time.time() * 1000 + 1000


def test_order_within_a_partition_is_the_order_of_sending_across_batches(bus: KafkaBus) -> None:
    keys = [new_id() for _ in range(8)]
    with bus.reader([topics.INTERACTIONS], start="latest") as reader:
        publish(bus, [encoded(topics.INTERACTIONS, keys[n % 8], f"{n:06d}" + "x" * 500) for n in range(2000)])
        records = poll_until(reader, 2000)
    by_key = defaultdict(list)
    for record in records:
        by_key[record.key].append(int((record.value or b"")[:6]))
    assert {key: by_key[key.encode()] for key in keys} == {
        k: list(range(i, 2000, 8)) for i, k in enumerate(keys)
    }
    partitions = defaultdict(list)
    for record in records:
        partitions[record.partition].append(record.offset)
    assert all(offsets == sorted(set(offsets)) for offsets in partitions.values())


def test_the_end_counts_every_record_of_the_last_batch(bus: KafkaBus) -> None:
    with bus.reader([topics.SCORES]) as reader:
        before = reader.end_offsets()[topics.SCORES, 0]
        publish(bus, [encoded(topics.SCORES, "k", str(n)) for n in range(25)])
        assert reader.end_offsets() == {(topics.SCORES, 0): before + 25}


def test_latest_begins_after_all_that_is_there_and_earliest_at_the_first(bus: KafkaBus) -> None:
    mark = new_id()
    publish(bus, [encoded(topics.SCORES, "k", f"old {mark} {n}") for n in range(20)])
    with bus.reader([topics.SCORES], start="latest") as late, bus.reader([topics.SCORES]) as early:
        publish(bus, [encoded(topics.SCORES, "k", f"new {mark}")])
        assert [record.value for record in poll_until(late, 1)] == [f"new {mark}".encode()]
        records = poll_until(early, late.end_offsets()[topics.SCORES, 0])
    assert records[0].offset == 0
    assert [record.offset for record in records] == list(range(len(records)))


def test_seek_goes_back_and_forth(bus: KafkaBus) -> None:
    with bus.reader([topics.SCORES]) as reader:
        first = reader.end_offsets()[topics.SCORES, 0]
        publish(bus, [encoded(topics.SCORES, "k", str(n)) for n in range(10)])
        for position in (7, 2, 9):
            reader.seek(topics.SCORES, 0, first + position)
            records = poll_until(reader, 10 - position)
            assert [record.value for record in records] == [b"%d" % n for n in range(position, 10)]


def test_a_group_goes_on_from_its_last_commit_and_not_from_what_it_read(bus: KafkaBus) -> None:
    group = f"group-{new_id()}"
    with bus.reader([topics.DECISIONS]) as reader:
        before = reader.end_offsets()[topics.DECISIONS, 0]
    publish(bus, [encoded(topics.DECISIONS, "k", str(n)) for n in range(5)])
    with bus.reader([topics.DECISIONS], group=group) as reader:
        assert len(poll_until(reader, before + 5)) == before + 5
        reader.commit()
        publish(bus, [encoded(topics.DECISIONS, "k", "uncommitted")])
        assert [record.value for record in poll_until(reader, 1)] == [b"uncommitted"]
    with bus.reader([topics.DECISIONS], group=group) as reader:
        assert [record.value for record in poll_until(reader, 1)] == [b"uncommitted"]


def test_a_record_beyond_the_limit_is_refused_and_one_at_the_limit_is_taken(bus: KafkaBus) -> None:
    with bus.publisher() as publisher:
        with pytest.raises(RecordTooLarge):
            publisher.send(encoded(topics.SCORES, "k", "x" * (2 * MAX_RECORD_BYTES)))
        largest = encoded(topics.SCORES, "k", "x" * (MAX_RECORD_BYTES - 7))
        assert largest.size == MAX_RECORD_BYTES
        publisher.send(largest)
        publisher.flush()


def test_a_missing_topic_is_an_error_that_names_it(bus: KafkaBus) -> None:
    with pytest.raises(TopicMissing, match=r"has no topic 'belay\.none'"):
        bus.reader(["belay.none"])


def test_a_tombstone_arrives_as_one(bus: KafkaBus) -> None:
    with bus.reader([topics.SNAPSHOTS], start="latest") as reader:
        publish(bus, [codec.tombstone(topics.SNAPSHOTS, "k")])
        (record,) = poll_until(reader, 1)
    assert (record.key, record.value, record.is_tombstone) == (b"k", None, True)


def test_a_reader_says_where_partitions_begin_where_it_stands_and_whether_there_is_more(
    bus: KafkaBus,
) -> None:
    with bus.reader([topics.GRADES]) as reader:
        publish(bus, [encoded(topics.GRADES, "k", str(n)) for n in range(3)])
        where, end = (topics.GRADES, 0), reader.end_offsets()[topics.GRADES, 0]
        assert reader.begin_offsets() == {where: 0}
        assert (reader.positions()[where], reader.read_to()) == (0, {})
        assert len(list(read_to_end(reader))) == end
        assert reader.positions() == reader.read_to() == {where: end}
        reader.seek(*where, 1)
        assert reader.read_to() == {where: 1}
        reader.seek(*where, end)
        assert reader.holds_from(*where, end - 1)
        assert not reader.holds_from(*where, end)


def test_what_was_written_at_a_time_or_later_begins_at_an_offset(bus: KafkaBus) -> None:
    where = (topics.DEAD_LETTERS, 0)
    with bus.reader([topics.DEAD_LETTERS]) as reader:
        begin = reader.end_offsets()[where]
        publish(bus, [encoded(topics.DEAD_LETTERS, "k", str(n)) for n in range(3)])
        written = [record for record in read_to_end(reader) if record.offset >= begin]
        publish(bus, [encoded(topics.DEAD_LETTERS, "k", "later")])
        first, last = written[0].timestamp_ms, next(read_to_end(reader)).timestamp_ms
        assert reader.offsets_at(first - 1)[where] <= begin
        assert begin <= reader.offsets_at(last)[where] <= begin + 3
        assert reader.offsets_at(last + 60_000) == reader.end_offsets()


@pytest.mark.kafka
def test_what_the_broker_deleted_or_lost_is_not_waited_for(
    apache_kafka: str, caplog: pytest.LogCaptureFixture
) -> None:
    bus = KafkaBus(BusSettings(bootstrap_servers=apache_kafka))
    bus.ensure_topics()
    publish(bus, [encoded(topics.DEAD_LETTERS, "k", str(n)) for n in range(3)])
    with bus.admin("deleting") as admin, bus.reader([topics.DEAD_LETTERS]) as reader:
        (end,) = reader.end_offsets().values()
        first = bus.topic_id(topics.DEAD_LETTERS)
        admin.delete_records({TopicPartition(topics.DEAD_LETTERS, 0): end})
        assert reader.begin_offsets() == reader.end_offsets()
        assert list(read_to_end(reader)) == []
        admin.delete_topics([topics.DEAD_LETTERS])
        with pytest.raises(TopicMissing):
            poll_until(reader, 1)
        with pytest.raises(TopicMissing):
            bus.topic_id(topics.DEAD_LETTERS)
        caplog.clear()
        bus.ensure_topics()
        assert [
            r.getMessage() for r in caplog.records if "had no topic 'belay.dead-letters'" in r.getMessage()
        ]
        assert bus.topic_id(topics.DEAD_LETTERS) not in (first, None)
        publish(bus, [encoded(topics.DEAD_LETTERS, "k", "anew")])
        with bus.reader([topics.DEAD_LETTERS]) as again:
            assert [record.value for record in read_to_end(again)] == [b"anew"]


def test_no_broker_is_one_clear_error_everywhere(free_port: int) -> None:
    bus = KafkaBus(BusSettings(bootstrap_servers=f"127.0.0.1:{free_port}", **QUICK))
    with pytest.raises(BrokerUnavailable, match=rf"127\.0\.0\.1:{free_port}.*\n.*Is it running"):
        bus.ensure_topics()
    with pytest.raises(BrokerUnavailable, match=str(free_port)):
        bus.reader([topics.SCORES])
    with bus.publisher() as publisher, pytest.raises(BrokerUnavailable, match=str(free_port)):
        publisher.send(encoded(topics.SCORES, "k", "v"))


def test_a_publisher_outlives_its_broker_and_leaves_no_thread_behind(free_port: int, tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    settings = BusSettings(bootstrap_servers=f"127.0.0.1:{free_port}", **QUICK)
    bus, broker = KafkaBus(settings), EmbeddedBroker(free_port, tmp_path / "log")
    with broker, bus.publisher() as publisher:
        bus.ensure_topics()
        publisher.send(encoded(topics.SCORES, "k", "1"))
        publisher.flush()
        broker.stop()
        with pytest.raises(BrokerUnavailable):  # noqa: PT012 (either call may be the one that notices)
            publisher.send(encoded(topics.SCORES, "k", "2"))
            publisher.flush(1.0)
        broker.start()
        bus.ensure_topics()
        publisher.send(encoded(topics.SCORES, "k", "2"))
        publisher.flush()
        with bus.reader([topics.SCORES]) as reader:
            assert [record.value for record in poll_until(reader, 1)] == [b"2"]
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - threads and time.monotonic() < deadline:
        time.sleep(0.05)
    assert set(threading.enumerate()) - threads == set()


@pytest.mark.kafka
def test_a_compression_that_cannot_be_read_here_is_no_broker_that_is_away(
    apache_kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = BusSettings(
        bootstrap_servers=apache_kafka, namespace=f"z-{new_id()}", topics=TopicSettings(compression="zstd")
    )
    bus = KafkaBus(settings)
    bus.ensure_topics()
    publish(bus, [encoded(topics.SCORES, "k", "v" * 1000)])
    monkeypatch.setattr("kafka.codec.zstd", None)  # as where its package is not installed
    with bus.reader([topics.SCORES]) as reader, pytest.raises(InfrastructureError, match="zstd") as caught:
        poll_until(reader, 1)
    assert not caught.value.retriable


def test_two_namespaces_on_one_broker_do_not_see_each_other(broker: str) -> None:
    names = [f"ns-{new_id()}", f"ns-{new_id()}"]
    one, two = (KafkaBus(BusSettings(bootstrap_servers=broker, namespace=name)) for name in names)
    for bus in (one, two):
        bus.ensure_topics()
        assert bus.topic_id(topics.SCORES) == bus.topic_id(topics.SCORES)
    publish(one, [encoded(topics.SCORES, "k", "of one")])
    with one.reader([topics.SCORES]) as mine, two.reader([topics.SCORES]) as theirs:
        (record,) = poll_until(mine, 1)
        assert (record.topic, record.value) == (topics.SCORES, b"of one")
        assert theirs.end_offsets() == {(topics.SCORES, 0): 0}
        assert mine.end_offsets() == mine.positions() == {(topics.SCORES, 0): 1}
        mine.seek(topics.SCORES, 0, 0)
        assert len(poll_until(mine, 1)) == 1


def test_groups_of_two_namespaces_share_nothing(broker: str) -> None:
    names = [f"ns-{new_id()}", f"ns-{new_id()}"]
    for name in names:
        bus = KafkaBus(BusSettings(bootstrap_servers=broker, namespace=name))
        bus.ensure_topics()
        publish(bus, [encoded(topics.GRADES, "k", name)])
        with bus.reader([topics.GRADES], group="belay-scorer") as reader:
            assert [record.value for record in poll_until(reader, 1)] == [name.encode()]
            reader.commit({(topics.GRADES, 0): 1})


def test_settings_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="needs sasl_mechanism"):
        BusSettings(security_protocol="SASL_SSL")
    with pytest.raises(ValidationError, match="expected SASL_PLAINTEXT or SASL_SSL"):
        BusSettings(sasl_mechanism="PLAIN")
    with pytest.raises(SettingsError, match="which does not exist"):
        KafkaBus(BusSettings(security_protocol="SSL", ssl_cafile=tmp_path / "none.pem"))


def test_a_password_does_not_show_in_the_settings() -> None:
    settings = BusSettings(
        security_protocol="SASL_SSL", sasl_mechanism="PLAIN", sasl_username="me", sasl_password="secret"
    )
    assert "secret" not in repr(settings) + settings.model_dump_json()
