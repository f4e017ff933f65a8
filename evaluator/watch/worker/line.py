"""Interactions in the order in which they came, each with its score as soon as somebody has judged it.

Scores leave in that order: the evidence is a fold over them, and an arm whose answers take longer to judge must not
come later than the other. How far everything has left is what may be committed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from telemetry.bus.protocols import Record
from telemetry.events import ScoreRecorded


@dataclass(slots=True)
class Place:
    """A record's place in the line: its score, or who is making it; neither for a record that gives none.

    `until` is when it is waited for no more (monotonic, in seconds). `holds` is an offset below the record's own that
    may not be committed before this has left and is published (`joining`).
    """

    record: Record
    score: ScoreRecorded | None = None
    making: Future[ScoreRecorded] | None = None
    overdue: ScoreRecorded | None = None
    until: float = 0.0
    holds: int | None = None

    def ready(self, now: float) -> bool:
        """Whether it may leave."""
        return self.making is None or self.making.done() or now >= self.until

    def taken(self) -> ScoreRecorded | None:
        """What leaves: the score, or where it is overdue the one that says so. Raises what its making died of."""
        if self.making is None:
            return self.score
        return self.making.result() if self.making.done() else self.overdue


@dataclass(slots=True)
class Line:
    """The places, oldest first. `making` counts those whose score is being made."""

    making: int = 0
    _places: deque[Place] = field(default_factory=deque)

    def join(self, place: Place) -> None:
        """Stand at the end."""
        self.making += place.making is not None
        self._places.append(place)

    def leave(self, now: float) -> Iterator[Place]:
        """Those who may leave, oldest first, up to the first who may not."""
        while self._places and self._places[0].ready(now):
            place = self._places.popleft()
            self.making -= place.making is not None
            yield place

    def __len__(self) -> int:
        return len(self._places)
