"""A dead letter says what could not be used and why, in a record that a broker takes."""

from __future__ import annotations

from base64 import b64decode

import pytest

from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import BROKER_RECORD_BYTES, MAX_RECORD_BYTES, Headers, Record
from telemetry.dead_letters import PAYLOAD_LIMIT, bury, dead_record
from telemetry.errors import UnreadableRecord
from telemetry.events import DeadLettered

LARGE = BROKER_RECORD_BYTES - 200


def dead(value: bytes | None, headers: Headers = (), offset: int = 7) -> Record:
    return Record(topics.DECISIONS, 0, offset, b"r1", headers, value, 1)


def test_a_small_record_is_kept_whole() -> None:
    letter = dead_record(dead(b"what?"), "no event", "belay.control")
    assert (letter.topic, letter.partition, letter.offset) == (topics.DECISIONS, 0, 7)
    assert (b64decode(letter.payload), letter.reason) == (b"what?", "no event")


def test_a_record_without_a_value_has_a_dead_letter_too() -> None:
    assert dead_record(dead(None), "no event", "belay.control").payload == ""


def test_the_same_record_has_the_same_dead_letter_and_another_one_another() -> None:
    ids = [dead_record(dead(b"x", offset=at), "no", "belay.control").event_id for at in (1, 1, 2)]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize("what", ["value", "header"])
def test_a_record_as_large_as_a_broker_takes_has_a_dead_letter_that_it_takes_too(what: str) -> None:
    strange = (
        ("ce_specversion", b"1.0"), ("ce_type", b"\x01" * LARGE), ("ce_id", b"1"), ("ce_source", b"s"),
        ("ce_time", b"t"),
    )  # fmt: skip
    record = dead(b"\x00" * LARGE) if what == "value" else dead(b"{}", strange)
    with pytest.raises(UnreadableRecord) as caught:
        codec.decode(record)
    letter = dead_record(record, caught.value.message, "belay.control")
    assert codec.encode(letter).size < MAX_RECORD_BYTES
    assert letter.reason.startswith("record belay.decisions/0 at offset 7: ")
    assert record.value is not None
    assert b64decode(letter.payload) == record.value[:PAYLOAD_LIMIT]


@pytest.mark.parametrize(("taken", "left"), [(1 << 20, 100_000), (50_000, 0)])
def test_a_broker_that_takes_small_records_gets_the_letter_without_the_payload(
    taken: int, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.bus.memory_bus.BROKER_RECORD_BYTES", taken)
    bus = MemoryBus()
    bus.ensure_topics()
    with bus.publisher() as publisher:
        bury(publisher, dead(b"x" * 100_000), "no event", "belay.control")
    (letter,) = [codec.decode(record) for record in bus.logs[topics.DEAD_LETTERS, 0]]
    assert isinstance(letter, DeadLettered)
    assert (letter.reason, len(b64decode(letter.payload))) == ("no event", left)


def test_whoever_buries_is_not_stopped_where_the_broker_takes_no_letter_at_all(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("telemetry.bus.memory_bus.BROKER_RECORD_BYTES", 10)
    with MemoryBus().publisher() as publisher:
        bury(publisher, dead(b"x"), "no event", "belay.control")
    assert "no dead letter for belay.decisions/0 at offset 7: no event" in caplog.text
