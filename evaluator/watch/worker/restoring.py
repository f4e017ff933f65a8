"""What a decider reads before it begins: the rollouts, their snapshots, the decisions of late."""

from __future__ import annotations

from collections.abc import Callable

from evaluator.watch.worker.stored import Stored
from telemetry import codec, topics
from telemetry.bus.catching_up import read_to_end, skip_to_last
from telemetry.bus.protocols import Bus, Record
from telemetry.errors import UnreadableRecord
from telemetry.events import RolloutChanged
from telemetry.reading import Unreadable, events_in


def read_states(bus: Bus) -> dict[str, RolloutChanged]:
    """The latest state of every rollout. What cannot be read is passed over: it is read, and buried, once more."""
    states: dict[str, RolloutChanged] = {}
    for _, event in events_in(bus, topics.ROLLOUTS, Unreadable()):
        if isinstance(event, RolloutChanged):
            known = states.get(event.spec.rollout_id)
            if known is None or event.revision > known.revision:
                states[event.spec.rollout_id] = event
    return states


def read_snapshots(bus: Bus, bury: Callable[[Record, str], None]) -> Stored:
    """All pieces of snapshots; `bury` is told of every record that is none."""
    stored = Stored()
    latest: dict[bytes | None, Record] = {}
    with bus.reader([topics.SNAPSHOTS]) as reader:
        for record in read_to_end(reader):
            # Of each key the last one counts, and only that one is worth decoding.
            latest[record.key] = record
    for record in latest.values():
        if record.is_tombstone:
            continue
        try:
            taken = stored.take(codec.decode(record))
        except UnreadableRecord as error:
            bury(record, error.message)
            continue
        if not taken:
            bury(record, f"no snapshot, and nothing else belongs in {record.topic}")
    return stored


def decisions_of_late(bus: Bus, many: int) -> list[str]:
    """The ids of the last `many` records of decisions, oldest first."""
    found: list[str] = []
    with bus.reader([topics.DECISIONS]) as reader:
        skip_to_last(reader, many)
        for record in read_to_end(reader):
            found += [value.decode(errors="replace") for name, value in record.headers if name == "ce_id"]
    return found
