"""How many records lie between what a reader has done and what its topic holds.

The reader's thread says where it stands by what came, which asks nobody: a broker that is away may hold up neither
scores nor decisions. What waits in a partition from which nothing came yet is not counted, and comes with the next
polls. The ends are asked for by a thread of its own with a reader of its own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Final

from telemetry.bus.protocols import Bus, Reader
from telemetry.errors import InfrastructureError

log = logging.getLogger(__name__)

EVERY_S: Final = 5.0
Place = tuple[str, int]


class Lag:
    """The lag of one reader of `topic`; `records` is None while nobody knows it. Safe to use from several threads."""

    def __init__(self, topic: str, every_s: float = EVERY_S, clock: Callable[[], float] = monotonic) -> None:
        self.topic = topic
        self.records: int | None = None
        self._every_s, self._clock = every_s, clock
        self._due = float("-inf")
        self._at: Mapping[Place, int] = {}

    def stand(self, reader: Reader, done: Callable[[], Mapping[Place, int]] = dict) -> None:
        """Where the reader is, where it is time to say so: before this offset all is done, or before `done`'s."""
        now = self._clock()
        if now >= self._due:
            self._due = now + self._every_s
            known = done()
            self._at = {where: known.get(where, offset) for where, offset in reader.read_to().items()}

    def measure(self, ends: Mapping[Place, int] | None) -> None:
        """Take in the ends of all partitions, None where the broker does not say."""
        at = self._at
        own = [where for where in at if where[0] == self.topic]
        if ends is None or not own:
            self.records = None
        else:
            self.records = sum(max(0, ends.get(where, 0) - at[where]) for where in own)


def measure_until(stop: threading.Event, bus: Bus, lags: Sequence[Lag], every_s: float = EVERY_S) -> None:
    """Measure every `every_s` seconds until `stop`, whatever becomes of the broker."""
    topics = sorted({lag.topic for lag in lags})
    while not stop.is_set():
        try:
            with bus.reader(topics) as reader:
                while True:
                    ends = reader.end_offsets()
                    for lag in lags:
                        lag.measure(ends)
                    if stop.wait(every_s):
                        return
        except InfrastructureError as error:
            log.debug("the lag is not known: %s", error)
            for lag in lags:
                lag.measure(None)
            stop.wait(every_s)
