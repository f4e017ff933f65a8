"""The same record as an older version, or a newer one, would have written it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from typing import Any, Final

from telemetry.bus.protocols import Encoded
from telemetry.codec import encode
from telemetry.events import Event
from tests.telemetry.golden_files import files_of, read

_FREE: Final = {"parameters", "spec", "state", "by_capability"}
"""What has names of somebody else's, or is read exactly."""
FURTHER: Final = {"from_a_newer_version": {"of": ["what", 1]}}


def in_turns(events: list[Event]) -> Iterator[tuple[str, Encoded]]:
    """Each event once, written by this version, a newer one and each older one in turns; with whose way it is."""
    ways = {type(event): cycle(_ways(type(event))) for event in events}
    for event in events:
        way = next(ways[type(event)])
        yield way, written_by(way, event)


def _ways(kind: type[Event]) -> list[str]:
    """Every older way in which the type was written, by its golden file, and ours, and a newer one's."""
    return [file.name for file in files_of(kind)[:-1]] + ["now", "newer"]


def written_by(way: str, event: Event) -> Encoded:
    """The event's record as that version writes it: without what it did not know, or with more than is known."""
    record = encode(event)
    fields = json.loads(record.value or b"")
    if way == "newer":
        return replace(record, value=json.dumps(with_more(fields)).encode())
    if way == "now":
        return record
    (golden,) = (file for file in files_of(type(event)) if file.name == way)
    return replace(
        record, value=json.dumps(_known_to(fields, json.loads(read(golden).value or b""))).encode()
    )


def with_more(value: Any) -> Any:
    """With a further field in every object."""
    if isinstance(value, dict):
        return {name: one if name in _FREE else with_more(one) for name, one in value.items()} | FURTHER
    return [with_more(one) for one in value] if isinstance(value, list) else value


def _known_to(value: Any, golden: Any) -> Any:
    """Without the fields that the golden record does not have."""
    if isinstance(value, dict) and isinstance(golden, dict):
        return {
            name: one if name in _FREE else _known_to(one, golden[name])
            for name, one in value.items()
            if name in golden
        }
    if isinstance(value, list) and isinstance(golden, list) and golden:
        return [_known_to(one, golden[0]) for one in value]
    return value
