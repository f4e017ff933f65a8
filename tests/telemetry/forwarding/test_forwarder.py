import base64
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from belay.launcher.embedded_broker import EmbeddedBroker
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.bus.memory_bus import MemoryBus, MemoryPublisher
from telemetry.bus.protocols import MAX_RECORD_BYTES, Bus, Encoded, Record
from telemetry.codec import decode, encode
from telemetry.errors import BrokerUnavailable, RecordTooLarge
from telemetry.events import DeadLettered, InteractionRecorded, new_id
from telemetry.forwarding import forwarder as forwarder_module
from telemetry.forwarding.forwarder import Forwarder, ForwardSettings, run
from telemetry.forwarding.outgoing import to_record
from telemetry.forwarding.rollout_follower import RolloutFollower
from telemetry.rollout_file import read_rollout
from telemetry.spool.cursor import Cursor, CursorFile
from telemetry.spool.folder import identity, segment_numbers, segment_path
from telemetry.spool.reader import Spooled, SpoolReader
from telemetry.spool.writer import Spool
from telemetry.topics import DEAD_LETTERS, INTERACTIONS
from tests.telemetry.samples import TIME, chat_request, raw, rollout

MB = 1024 * 1024


def wait_until(holds: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@contextmanager
def running(settings: ForwardSettings) -> Iterator[threading.Event]:
    stop, failures = threading.Event(), []

    def body() -> None:
        try:
            run(settings, stop)
        except BaseException as error:
            failures.append(error)
            raise

    thread = threading.Thread(target=body)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()
    assert failures == []


def in_memory(folder: Path, bus: Bus, **options: object) -> tuple[Forwarder, SpoolReader, threading.Event]:
    stop, spool = threading.Event(), SpoolReader(folder)
    settings = ForwardSettings(spool_folder=folder, **options)  # type: ignore[arg-type]  # named by each test
    return Forwarder(settings, bus, spool, stop), spool, stop


def ids(bus: Bus, topic: str = INTERACTIONS) -> list[str]:
    with bus.reader([topic]) as reader:
        return [decode(record).event_id for record in reader.poll(0)]


def status_of(path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
    return found


def test_what_was_spooled_is_in_the_broker_once_and_gone_from_the_spool(broker: str, tmp_path: Path) -> None:
    bus = KafkaBus(BusSettings(bootstrap_servers=broker))
    bus.ensure_topics()
    sent = [raw(event_id=new_id()) for _ in range(1200)]
    status = tmp_path / "status.json"
    settings = ForwardSettings(spool_folder=tmp_path / "spool", bus=bus.settings, status_file=status)
    with (
        bus.reader([INTERACTIONS], start="latest") as reader,
        Spool(tmp_path / "spool", 50 * MB, segment_bytes=100_000) as spool,
    ):
        for record in sent[:600]:
            spool.append(record.pack())
        with running(settings):
            for record in sent[600:]:
                spool.append(record.pack())
            found: list[Record] = []
            wait_until(lambda: bool(found.extend(reader.poll(0.1))) or len(found) >= 1200)
        found += reader.poll(0.3)
        assert sorted(decode(record).event_id for record in found) == sorted(r.meta["event_id"] for r in sent)
        # All have one subject, hence one partition, and keep their order in it.
        assert [decode(record).event_id for record in found] == [r.meta["event_id"] for r in sent]
    said = status_of(status)
    assert (said["forwarded"], said["dead"], said["lag_bytes"], said["broker"]) == (1200, 0, 0, "up")
    assert len(segment_numbers(tmp_path / "spool")) == 1


def test_a_broker_that_is_away_costs_no_interaction(free_port: int, tmp_path: Path) -> None:
    bus = KafkaBus(
        BusSettings(
            bootstrap_servers=f"127.0.0.1:{free_port}", connect_timeout_ms=1000, request_timeout_ms=1000
        )
    )
    status = tmp_path / "status.json"
    settings = ForwardSettings(spool_folder=tmp_path / "spool", bus=bus.settings, status_file=status)
    broker = EmbeddedBroker(free_port, tmp_path / "log")
    sent = [raw(event_id=new_id()) for _ in range(60)]
    with Spool(tmp_path / "spool", MB) as spool, running(settings), broker:
        broker.stop()
        for record in sent[:20]:
            spool.append(record.pack())
        wait_until(lambda: status_of(status).get("broker") == "down")
        broker.start()
        wait_until(lambda: status_of(status).get("forwarded") == 20)
        broker.stop()
        for record in sent[20:40]:
            spool.append(record.pack())
        wait_until(lambda: status_of(status).get("broker") == "down")
        assert status_of(status)["forwarded"] == 20
        for record in sent[40:]:
            spool.append(record.pack())
        broker.start()
        wait_until(lambda: status_of(status).get("forwarded") == 60)
        # The embedded broker forgets what it held; what it was given since is all that was not acknowledged.
        with bus.reader([INTERACTIONS]) as reader:
            found = []
            wait_until(lambda: bool(found.extend(reader.poll(0.1))) or len(found) >= 40)
    assert {decode(record).event_id for record in found} == {r.meta["event_id"] for r in sent[20:]}


def test_a_batch_that_was_not_acknowledged_is_sent_again_by_the_next_forwarder(tmp_path: Path) -> None:
    bus = MemoryBus()
    with Spool(tmp_path, MB) as spool:
        sent = [raw() for _ in range(5)]
        for record in sent:
            spool.append(record.pack())
        bus.down = True
        forwarder, reader, stop = in_memory(tmp_path, bus)
        timer = threading.Timer(0.2, stop.set)
        timer.start()
        assert not forwarder.step()
        timer.join()
        reader.close()
        bus.down = False
        forwarder, reader, stop = in_memory(tmp_path, bus)
        with reader:
            assert forwarder.step()
        assert ids(bus) == [record.meta["event_id"] for record in sent]


def test_an_interaction_says_where_the_spool_held_it_and_says_the_same_when_it_is_sent_again(
    tmp_path: Path,
) -> None:
    bus = MemoryBus()
    with Spool(tmp_path, MB) as spool:
        for _ in range(4):
            spool.append(raw().pack())
        for _ in range(2):
            forwarder, reader, _stop = in_memory(tmp_path, bus)
            with reader, pytest.MonkeyPatch.context() as patch:
                patch.setattr(reader, "acknowledge", lambda: None)
                assert forwarder.step()
    events = [decode(record) for record in bus.reader([INTERACTIONS]).poll(0)]
    places = [event.spooled for event in events if isinstance(event, InteractionRecorded)]
    assert places[:4] == places[4:]
    assert [p.offset for p in places[:4] if p] == sorted({p.offset for p in places if p})
    assert {p.spool for p in places if p} == {identity(tmp_path).id}


def test_what_the_spool_lost_stands_in_the_status_and_is_said_as_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, status = tmp_path / "spool", tmp_path / "status"
    payload = raw().pack()
    with Spool(folder, MB, segment_bytes=6 * len(payload)) as spool:
        for _ in range(20):
            spool.append(payload)
    os.truncate(segment_path(folder, 2), 3 * len(payload))
    forwarder, reader, stop = in_memory(folder, MemoryBus(), status_file=status)
    stop.set()
    with reader:
        forwarder.run()
    said = status_of(status)
    assert (said["forwarded"], said["lost"], said["dropped"], said["torn"]) == (17, 3, 0, 0)
    (loss,) = said["losses"]  # type: ignore[misc]  # JSON
    assert (loss["segment"], loss["first"], loss["last"], loss["records"]) == (2, 8, 10, 3)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_full_disk_stops_no_forwarder_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bus = MemoryBus()
    with Spool(tmp_path, MB, segment_bytes=3000) as spool:
        for _ in range(30):
            spool.append(raw().pack())
    forwarder, reader, _stop = in_memory(tmp_path, bus, batch_records=5)

    def full(_file: CursorFile, _cursor: Cursor, *, durable: bool) -> None:
        raise OSError(28, "No space left on device", f"durable: {durable}")

    with reader:
        with monkeypatch.context() as patch:
            patch.setattr(CursorFile, "write", full)
            while forwarder.step():
                pass
            assert "No space left on device" in forwarder.status.spool_error
        assert len(ids(bus)) == len(set(ids(bus))) == 30
        assert len(segment_numbers(tmp_path)) == 1
        assert not forwarder.step()
        assert forwarder.status.spool_error == ""
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_a_forwarder_that_dies_between_broker_and_spool_sends_the_same_ids_again(tmp_path: Path) -> None:
    bus = MemoryBus()
    with Spool(tmp_path, MB) as spool:
        for payload in (raw().pack(), b"damaged"):
            spool.append(payload)
        for _ in range(2):
            forwarder, reader, _stop = in_memory(tmp_path, bus)
            with reader, pytest.MonkeyPatch.context() as patch:
                patch.setattr(reader, "acknowledge", lambda: None)
                assert forwarder.step()
    for topic in (INTERACTIONS, DEAD_LETTERS):
        first, second = ids(bus, topic)
        assert first == second


def test_a_record_that_cannot_be_used_becomes_a_dead_letter_and_the_rest_goes_on(tmp_path: Path) -> None:
    bus = MemoryBus()
    with Spool(tmp_path, MB) as spool:
        for payload in (raw().pack(), b"\x05\0\0\0write to bob@example.org", raw().pack()):
            spool.append(payload)
        forwarder, reader, _stop = in_memory(tmp_path, bus)
        with reader:
            assert forwarder.step()
            assert not forwarder.step()
            assert reader.lag_bytes() == 0
    assert len(ids(bus)) == 2
    (record,) = bus.reader([DEAD_LETTERS]).poll(0)
    letter = decode(record)
    assert isinstance(letter, DeadLettered)
    assert (letter.topic, letter.partition) == ("spool", 1)
    assert "raw record" in letter.reason
    assert b"[email]" in base64.b64decode(letter.payload)
    assert (forwarder.status.forwarded, forwarder.status.dead) == (2, 1)


def test_an_interaction_too_large_for_a_record_is_a_dead_letter_that_fits() -> None:
    packed = raw(request=chat_request("word " * MAX_RECORD_BYTES)).pack()
    outgoing = to_record(Spooled(packed, 1, 0), "full", "f")
    assert outgoing.dead
    assert outgoing.encoded.topic == DEAD_LETTERS
    assert outgoing.encoded.size < MAX_RECORD_BYTES
    assert b"fit into a record" in outgoing.encoded.value


class SmallPublisher(MemoryPublisher):
    """One to a broker that takes no record above 1,500 bytes."""

    def send(self, encoded: Encoded) -> None:
        if encoded.size > 1500:
            raise RecordTooLarge(f"{encoded.size} bytes are too many")
        super().send(encoded)


class SmallBus(MemoryBus):
    def publisher(self) -> SmallPublisher:
        return SmallPublisher(self)


def test_a_broker_with_a_lower_limit_does_not_stop_the_forwarder(tmp_path: Path) -> None:
    bus = SmallBus()
    sent = [raw(), raw(request=chat_request("x" * 3000)), raw()]
    with Spool(tmp_path, MB) as spool:
        for record in sent:
            spool.append(record.pack())
        forwarder, reader, _stop = in_memory(tmp_path, bus)
        with reader:
            assert forwarder.step()
    assert set(ids(bus)) == {sent[0].meta["event_id"], sent[2].meta["event_id"]}
    (letter,) = (decode(record) for record in bus.reader([DEAD_LETTERS]).poll(0))
    assert isinstance(letter, DeadLettered)
    assert "bytes are too many" in letter.reason
    assert letter.payload == ""


class SlowPublisher(MemoryPublisher):
    """One whose link carries 25 kB a second, without waiting: what is not through in a flush's time is dropped."""

    def __init__(self, bus: MemoryBus) -> None:
        super().__init__(bus)
        self.queued_bytes = 0

    def send(self, encoded: Encoded) -> None:
        self.queued_bytes += encoded.size
        super().send(encoded)

    def flush(self, timeout_s: float = 10.0) -> None:
        queued, self.queued_bytes = self.queued_bytes, 0
        if queued > 25_000 * timeout_s:
            self.close()
            raise BrokerUnavailable(f"{queued} bytes did not get through in {timeout_s:g} s")
        super().flush(timeout_s)


class SlowBus(MemoryBus):
    def publisher(self) -> SlowPublisher:
        return SlowPublisher(self)


def test_large_records_get_through_a_slow_link_and_hold_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder_module, "_FIRST_WAIT_S", 0.001)
    bus = SlowBus()
    sizes = [100, 900_000, 100, 900_000, 900_000, *[2000] * 200, 900_000, 100]
    sent = [raw(request=chat_request("x" * size)) for size in sizes]
    with Spool(tmp_path, 50 * MB) as spool:
        for record in sent:
            spool.append(record.pack())
        forwarder, reader, _stop = in_memory(tmp_path, bus, text_policy="full")
        with reader:
            while forwarder.step():
                pass
    assert ids(bus) == [record.meta["event_id"] for record in sent]
    assert forwarder.status.broker == "up"


def test_a_batch_is_bounded_in_bytes_and_has_one_record_at_least(tmp_path: Path) -> None:
    sizes = [10, 10, 1000, 10, 10, 10]
    with Spool(tmp_path, MB) as spool, SpoolReader(tmp_path) as reader:
        for size in sizes:
            spool.append(b"x" * size)
        batches = []
        while batch := reader.read(500, 25):
            batches.append([len(record.payload) for record in batch])
    assert batches == [[10, 10, 1000], [10, 10, 10]]


def test_what_is_left_in_the_spool_is_forwarded_when_told_to_stop(tmp_path: Path) -> None:
    bus = MemoryBus()
    with Spool(tmp_path, MB) as spool:
        for _ in range(25):
            spool.append(raw().pack())
        forwarder, reader, stop = in_memory(tmp_path, bus, batch_records=10, status_file=tmp_path / "status")
        stop.set()
        with reader:
            forwarder.run()
    assert len(ids(bus)) == 25
    assert status_of(tmp_path / "status")["forwarded"] == 25


def test_the_text_policy_is_applied_and_redacted_is_the_default(tmp_path: Path) -> None:
    bus = MemoryBus()
    with Spool(tmp_path, MB) as spool:
        spool.append(raw(request=chat_request("I am bob@example.org")).pack())
        forwarder, reader, _stop = in_memory(tmp_path, bus)
        with reader:
            forwarder.step()
    (event,) = (decode(record) for record in bus.reader([INTERACTIONS]).poll(0))
    assert isinstance(event, InteractionRecorded)
    assert (event.text_policy, event.messages[0].content) == ("redacted", "I am [email]")


def test_the_latest_state_of_a_rollout_reaches_the_routers_file(broker: str, tmp_path: Path) -> None:
    bus = KafkaBus(BusSettings(bootstrap_servers=broker))
    bus.ensure_topics()
    path, name = tmp_path / "rollout.json", new_id()
    later = TIME + timedelta(days=time.time_ns() / 1e14)
    settings = ForwardSettings(spool_folder=tmp_path / "spool", bus=bus.settings, rollout_file=path)

    def publish(*revisions: int) -> None:
        with bus.publisher() as publisher:
            for revision in revisions:
                publisher.send(encode(rollout(name, revision, later)))
            publisher.flush()

    def holds(revision: int) -> bool:
        held = read_rollout(path)
        return held is not None and (held.spec.rollout_id, held.revision) == (name, revision)

    publish(1, 2)
    with running(settings):
        wait_until(lambda: holds(2))
        publish(3, 1)
        wait_until(lambda: holds(3))
        began = time.monotonic()
        publish(4)
        wait_until(lambda: holds(4))
        assert time.monotonic() - began < 1.0
    assert holds(4)


def test_a_file_that_could_not_be_written_is_written_once_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bus = MemoryBus()
    bus.ensure_topics()
    with bus.publisher() as publisher:
        publisher.send(encode(rollout()))
        publisher.flush()
    (tmp_path / "run").write_text("a file where a folder belongs")
    stop = threading.Event()
    follower = RolloutFollower(bus, tmp_path / "run" / "rollout.json", stop)
    follower.start()
    try:
        wait_until(lambda: "the rollout's state is not followed" in caplog.text)
        follower.check()
        (tmp_path / "run").unlink()
        wait_until((tmp_path / "run" / "rollout.json").exists)
    finally:
        stop.set()
        follower.join()
