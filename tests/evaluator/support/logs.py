"""Puts events on a bus and reads them back, for the tests of the worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NoReturn

from telemetry import codec
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Bus, Encoded, Reader, Record
from telemetry.events import Event, RolloutChanged, RolloutSpec
from telemetry.score_batches import scores_of


def publish(bus: Bus, events: Iterable[Event]) -> None:
    """Put events on their topics."""
    with bus.publisher() as publisher:
        for event in events:
            publisher.send(codec.encode(event))
        publisher.flush()


def publish_raw(bus: Bus, topic: str, value: bytes) -> None:
    """Put bytes on a topic that are no event."""
    with bus.publisher() as publisher:
        publisher.send(Encoded(topic=topic, key=b"k", headers=(), value=value))
        publisher.flush()


def records(bus: MemoryBus, topic: str) -> list[Record]:
    """Everything on a topic."""
    return [record for where in bus.partitions(topic) for record in bus.logs[where]]


def events(bus: MemoryBus, topic: str) -> list[Event]:
    """Everything readable on a topic, scores one by one; tombstones are nothing."""
    found = [codec.decode(record) for record in records(bus, topic) if not record.is_tombstone]
    return [one for event in found for one in (scores_of(event) or (event,))]


def announced(spec: RolloutSpec, *, revision: int = 1, status: str = "ramping") -> RolloutChanged:
    """The rollout's state as control publishes it."""
    at = datetime(2026, 3, 2, 8, 59, tzinfo=UTC)
    return RolloutChanged(
        event_id=f"{spec.rollout_id}-{revision}",
        time=at,
        source="test",
        spec=spec,
        revision=revision,
        status=status,
        stage=0,
        share=spec.stages[0].share,
        since=at,
        actor="test",
        reason="test",
    )


class GoesAway:
    """A reader whose broker goes away right after it was read from."""

    def __init__(self, bus: MemoryBus, reader: Reader) -> None:
        self._bus, self._reader = bus, reader

    def poll(self, timeout_s: float) -> list[Record]:
        """The records, the last ones."""
        found = self._reader.poll(timeout_s)
        self._bus.down = True
        return found

    def close(self) -> None:
        """Close the reader."""
        self._reader.close()


class DiesAtCommit:
    """A reader whose process ends when it is about to commit."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def poll(self, timeout_s: float) -> list[Record]:
        """What the reader has."""
        return self._reader.poll(timeout_s)

    def read_to(self) -> dict[tuple[str, int], int]:
        """Where the reader stands."""
        return self._reader.read_to()

    def commit(self, done: Mapping[tuple[str, int], int] | None = None) -> NoReturn:
        """Never."""
        del done
        raise SystemExit(9)

    def close(self) -> None:
        """Close the reader."""
        self._reader.close()
