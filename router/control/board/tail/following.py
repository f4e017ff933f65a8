"""Follows the end of interactions and scores into the ring, at a bounded cost.

Whoever cannot keep up begins anew near the end and counts what lies between: a tail is about now. Scores that are read
without their interaction make rows too, so a sample keeps its scores.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from router.control.board.tail.ring import Ring
from telemetry import topics
from telemetry.bus.catching_up import Partition, skip_to_last
from telemetry.bus.protocols import Bus, Reader, Record
from telemetry.events import InteractionRecorded, LogPlace, ScoreRecorded, ScoresRecorded
from telemetry.reading import event_in

POLL_S: Final = 0.25
LOOK_S: Final = 1.0
"""How often it is looked at how far behind the end this is."""
FIRST: Final = 200
"""Records of each partition before the end that a tail begins with."""
MOST_BEHIND: Final = 1_000
"""Records of a partition. Beyond that they are skipped, all but the last `FIRST`."""
CORE: Final = 0.25
"""The part of a core that reading may take."""


def follow(
    bus: Bus,
    ring: Ring,
    wanted: Callable[[], bool],
    wait: Callable[[float], object],
    *,
    begun: Callable[[], object] = lambda: None,
    cpu: Callable[[], float] = time.thread_time,
) -> None:
    """Read as long as somebody looks. `wait` is told how long to rest, `cpu` is what this thread has used, in seconds.

    `begun` is called once, when everything is read that lay there at the start. Raises BrokerUnavailable.
    """
    with bus.reader([topics.INTERACTIONS, topics.SCORES], start="latest") as reader:
        past = reader.end_offsets()
        skip_to_last(reader, FIRST)
        look_at = time.monotonic() + LOOK_S
        beginning = True
        while wanted():
            began = cpu()
            records = reader.poll(POLL_S)
            skipped = 0
            if time.monotonic() >= look_at:
                skipped = catch_up(reader)
                look_at = time.monotonic() + LOOK_S
            take(ring, records)
            ring.count(int(time.monotonic()), _new(records, past), skipped)
            if beginning and _reached(reader, past):
                beginning = False
                begun()
            wait((cpu() - began) * (1 / CORE - 1))


def catch_up(reader: Reader) -> int:
    """Go near the end of every partition that is far behind; how many interactions were skipped by that."""
    at, skipped = reader.positions(), 0
    for (topic, partition), end in reader.end_offsets().items():
        behind = end - at.get((topic, partition), end)
        if behind > MOST_BEHIND:
            reader.seek(topic, partition, end - FIRST)
            skipped += behind - FIRST if topic == topics.INTERACTIONS else 0
    return skipped


def take(ring: Ring, records: Iterable[Record]) -> None:
    """Put what records hold into the ring. What is unreadable is passed over."""
    for record in records:
        event = event_in(record)  # what is none the worker puts to the dead letters
        place = LogPlace(partition=record.partition, offset=record.offset)
        if isinstance(event, InteractionRecorded):
            ring.see(event, place)
        elif isinstance(event, ScoreRecorded):
            ring.score(event, place)
        elif isinstance(event, ScoresRecorded):
            for score in event.scores:
                ring.score(score, place)


def _reached(reader: Reader, ends: Mapping[Partition, int]) -> bool:
    at = reader.positions()
    return all(at.get(where, end) >= end for where, end in ends.items())


def _new(records: Iterable[Record], past: Mapping[Partition, int]) -> int:
    """How many records of the interactions came since this began."""
    return sum(
        record.topic == topics.INTERACTIONS and record.offset >= past.get((record.topic, record.partition), 0)
        for record in records
    )
