from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.bus.protocols import Encoded, Record
from telemetry.codec import decode, encode
from telemetry.errors import UnreadableRecord
from telemetry.events import EVENTS, ArmCount, CapabilityEvidence, DeadLettered, Event
from tests.telemetry.strategies import events


def as_record(encoded: Encoded) -> Record:
    return Record(encoded.topic, 0, 17, encoded.key, encoded.headers, encoded.value, 0)


@pytest.mark.parametrize("kind", EVENTS)
@given(data=st.data())
@settings(max_examples=40)
def test_an_event_comes_back_equal_and_gives_the_same_bytes_again(
    kind: type[Event], data: st.DataObject
) -> None:
    event = data.draw(events(kind))
    encoded = encode(event)
    again = decode(as_record(encoded))
    assert again == event
    assert encode(again) == encoded
    assert encoded.topic == kind.TOPIC
    assert encoded.key.decode() == event.key


def sample() -> DeadLettered:
    return DeadLettered(
        source="router 1/ü%",
        time=datetime(2026, 1, 2, tzinfo=UTC),
        topic="t",
        partition=1,
        offset=2,
        reason="r",
        payload="",
    )


def test_the_attributes_are_those_of_cloudevents_in_binary_mode() -> None:
    event = sample()
    assert dict(encode(event).headers) == {
        "ce_specversion": b"1.0",
        "ce_type": b"belay.record.dead-lettered",
        "ce_id": event.event_id.encode(),
        "ce_source": b"router%201/%C3%BC%25",
        "ce_time": b"2026-01-02T00:00:00+00:00",
        "content-type": b"application/json",
    }
    assert encode(event).value == b'{"topic":"t","partition":1,"offset":2,"reason":"r","payload":""}'


def test_an_infinite_e_value_is_json_and_comes_back() -> None:
    count = ArmCount(n=1, mean=None)
    evidence = CapabilityEvidence(
        capability="c",
        watched=True,
        threshold=0.1,
        weight=1.0,
        e_value=float("inf"),
        control=count,
        candidate=count,
        pairs=0,
        pair_gap=None,
        unscored=0,
    )
    assert CapabilityEvidence.model_validate_json(evidence.model_dump_json()) == evidence


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"headers": ()}, "no header ce_specversion, ce_type, ce_id"),
        ({"ce_type": b"something.else"}, "unknown ce_type 'something.else', known are belay"),
        ({"ce_specversion": b"0.3"}, "CloudEvents version '0.3', expected '1.0'"),
        ({"ce_source": b"\xff"}, "a header is not UTF-8"),
        ({"ce_time": b"yesterday"}, "time: "),
        ({"value": b"{"}, "is not JSON"),
        ({"value": None}, "is not JSON"),
        ({"value": b"[1]"}, "a JSON list, expected an object"),
        ({"value": b'{"source": "x"}'}, "repeats what belongs in the headers: source"),
        ({"value": b'{"topic": "t"}'}, "partition: Field required"),
        (
            {"value": b'{"topic":"t","partition":1,"offset":"two","reason":"r","payload":"","more":1}'},
            "offset: Input should be",
        ),
    ],
)
def test_a_record_that_is_no_event_says_where_it_lies_and_what_is_wrong(
    change: dict[str, object], reason: str
) -> None:
    record = as_record(encode(sample()))
    fields = {name: value for name, value in change.items() if not name.startswith("ce_")}
    headers = {
        **dict(record.headers),
        **{name: value for name, value in change.items() if name.startswith("ce_")},
    }
    changed = replace(record, **{"headers": tuple(headers.items())} | fields)  # type: ignore[arg-type]  # see the table
    with pytest.raises(UnreadableRecord) as caught:
        decode(changed)
    assert "belay.dead-letters/0 at offset 17" in caught.value.message
    assert reason in caught.value.message


def test_the_values_of_a_record_that_cannot_be_used_do_not_show_in_the_error() -> None:
    record = replace(as_record(encode(sample())), value=b'{"topic": ["my secret"]}')
    with pytest.raises(UnreadableRecord) as caught:
        decode(record)
    assert "secret" not in str(caught.value)
