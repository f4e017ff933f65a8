"""The events that a topic holds now, and how many of its records are none: those are counted and passed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from telemetry import codec
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.protocols import Bus, Reader, Record
from telemetry.errors import UnreadableRecord
from telemetry.events import Event


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Records that could not be read, each once however often its topic is."""

    places: set[tuple[str, int, int]] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.places)

    def told(self) -> list[str]:
        """In words, a line a topic; none where everything was read."""
        lines = []
        for topic in sorted({topic for topic, _, _ in self.places}):
            found = sorted((partition, offset) for of, partition, offset in self.places if of == topic)
            what = "1 record" if len(found) == 1 else f"{len(found)} records"
            lines.append(
                f"passed over: {what} of {topic} that cannot be read, first offset {found[0][1]} of "
                f"partition {found[0][0]}"
            )
        return lines


def event_in(record: Record) -> Event | None:
    """The event in a record; None where it is a tombstone, or cannot be read."""
    if record.is_tombstone:
        return None
    try:
        return codec.decode(record)
    except UnreadableRecord:
        return None


def events_in(bus: Bus, topic: str, unreadable: Unreadable) -> Iterator[tuple[Record, Event]]:
    """Each event that the topic holds now with its record, in offset order; what is none goes to `unreadable`.

    Tombstones are passed over, and what they took back is yielded for as long as compaction has not met it.
    """
    with bus.reader([topic]) as reader:
        yield from read_events(reader, unreadable)


def read_events(reader: Reader, unreadable: Unreadable) -> Iterator[tuple[Record, Event]]:
    """As `events_in`, of all topics that a reader has."""
    for record in read_to_end(reader):
        if record.is_tombstone:
            continue
        try:
            yield record, codec.decode(record)
        except UnreadableRecord:
            unreadable.places.add((record.topic, record.partition, record.offset))
