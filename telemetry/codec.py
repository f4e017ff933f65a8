"""Events to records and back: CloudEvents 1.0 over Kafka in binary content mode.

The CloudEvents attributes are headers (`ce_id`, `ce_source`, `ce_specversion`, `ce_time`, `ce_type`, and
`content-type`), the remaining fields are the value as JSON, the event's partition key is the record's key.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
What is part of a trace has W3C's `traceparent` among its headers.
"""

from __future__ import annotations

import logging
from typing import Final, TypeVar
from urllib.parse import quote, unquote

import pydantic_core
from pydantic import BaseModel, ValidationError

from telemetry.bus.protocols import Encoded, Headers, Record
from telemetry.errors import UnreadableRecord
from telemetry.events import EVENTS, Event
from telemetry.events.base import WHOLE
from telemetry.tracing.context import TRACEPARENT, Context, context_of

log = logging.getLogger(__name__)

_T = TypeVar("_T", bound=BaseModel)
_MOST_TOLD: Final = 100
_told: set[tuple[str, str]] = set()
_BY_TYPE: Final = {event.TYPE: event for event in EVENTS}
IN_HEADERS: Final = {"event_id", "time", "source"}
"""The fields of every event that are attributes of a CloudEvent."""
# `ce_source` must be a URI reference, our sources are free text.
_URI_SAFE: Final = "/:?@!$&'()*+,;=-._~"


def encode(event: Event, traceparent: str | None = None) -> Encoded:
    """The record for an event. The same event always gives the same bytes.

    `traceparent` is the span below which whoever reads it goes on with its trace, where it is part of one.
    """
    trace = () if traceparent is None else ((TRACEPARENT, traceparent.encode()),)
    return Encoded(
        topic=event.TOPIC,
        key=event.key.encode(),
        headers=(
            ("ce_specversion", b"1.0"),
            ("ce_type", event.TYPE.encode()),
            ("ce_id", event.event_id.encode()),
            ("ce_source", quote(event.source, safe=_URI_SAFE).encode()),
            ("ce_time", event.time.isoformat().encode()),
            ("content-type", b"application/json"),
            *trace,
        ),
        value=event.model_dump_json(exclude=IN_HEADERS).encode(),
    )


def trace_in(record: Record) -> Context | None:
    """The span that a record's header says it is part of; None where it says none."""
    for name, value in record.headers:
        if name == TRACEPARENT:
            return context_of(value.decode(errors="replace"))
    return None


def tombstone(topic: str, key: str) -> Encoded:
    """What says, in a compacted topic, that nothing holds any more of what was written under `key`."""
    return Encoded(topic, key.encode(), (), None)


def decode(record: Record) -> Event:
    """The event in a record. Raises UnreadableRecord, which says where the record lies and what is wrong.

    A tombstone holds no event, so whoever reads a compacted topic looks at `Record.is_tombstone` first.
    """
    headers = _attributes(record)
    kind = _BY_TYPE.get(headers["ce_type"])
    if kind is None:
        raise _unreadable(record, f"unknown ce_type {headers['ce_type']!r}, known are {', '.join(_BY_TYPE)}")
    if headers["ce_specversion"] != "1.0":
        raise _unreadable(record, f"CloudEvents version {headers['ce_specversion']!r}, expected '1.0'")
    try:
        fields = pydantic_core.from_json(record.value or b"")
    except ValueError as error:
        raise _unreadable(record, f"its value is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise _unreadable(record, f"its value is a JSON {type(fields).__name__}, expected an object")
    if clash := IN_HEADERS & fields.keys():
        raise _unreadable(
            record, f"its value repeats what belongs in the headers: {', '.join(sorted(clash))}"
        )
    fields |= {
        "event_id": headers["ce_id"],
        "time": headers["ce_time"],
        "source": unquote(headers["ce_source"]),
    }
    try:
        return understood(kind, fields, kind.EXACT)
    except ValidationError as error:
        raise _unreadable(record, f"not a valid {kind.TYPE}: {explain(error)}") from error


def understood(kind: type[_T], fields: object, exact: str = "") -> _T:
    """The value in what a writer of this version, an older or a newer one has written. Raises ValidationError.

    Fields that are unknown here are passed over, and told once, unless they stand in the field `exact`, or `exact` is
    `WHOLE`. What this version wrote is validated once; only what a newer one wrote costs a second time.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        unknown = [
            detail["loc"]
            for detail in error.errors(include_url=False, include_input=False)
            if detail["type"] == "extra_forbidden"
        ]
        refused = exact == WHOLE or any(place[0] == exact for place in unknown)
        if refused or not unknown:
            raise
        # Whatever else is wrong is told by this one: a list of values with unknown fields is "too short" as well.
        found = kind.model_validate(fields, extra="ignore")
    _tell_once(kind.__name__, unknown)
    return found


def _tell_once(kind: str, unknown: list[tuple[int | str, ...]]) -> None:
    names = {".".join(str(part) for part in place if isinstance(part, str)) for place in unknown}
    new = sorted((kind, name) for name in names if (kind, name) not in _told)
    # Whoever writes may name fields without end, and each is remembered.
    if new and len(_told) < _MOST_TOLD:
        _told.update(new)
        log.warning(
            "%s from a newer version: passing over what is unknown here: %s",
            kind,
            ", ".join(name[:60] for _, name in new[:10]),
        )


def explain(error: ValidationError) -> str:
    """A validation error in one line, without the values that came: they may be text under a policy."""
    return "; ".join(
        f"{'.'.join(str(part) for part in detail['loc']) or '(top)'}: {detail['msg']}"
        for detail in error.errors(include_url=False, include_input=False)
    )


def _attributes(record: Record) -> dict[str, str]:
    headers = _decoded(record, record.headers)
    needed = ("ce_specversion", "ce_type", "ce_id", "ce_source", "ce_time")
    if missing := [name for name in needed if name not in headers]:
        raise _unreadable(record, f"not a CloudEvent: no header {', '.join(missing)}")
    return headers


def _decoded(record: Record, headers: Headers) -> dict[str, str]:
    try:
        return {name: value.decode() for name, value in headers}
    except UnicodeDecodeError as error:
        raise _unreadable(record, f"a header is not UTF-8: {error}") from error


def _unreadable(record: Record, reason: str) -> UnreadableRecord:
    return UnreadableRecord(
        f"record {record.topic}/{record.partition} at offset {record.offset}: {reason}",
        hint="It belongs in belay.dead-letters; somebody else may be writing to this topic.",
    )
