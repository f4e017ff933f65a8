"""A topic searched in pieces, from a time forwards or from its end backwards, up to a bound of records and of time.

Kafka has no index by id. It has one by time, and our ids say when they were made.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from telemetry.bus.protocols import Reader, Record
from telemetry.events import LogPlace

CHUNK: Final = 2_000
AHEAD: Final = 500
"""Records of a piece where the first pieces are the likely ones."""
MOST: Final = 50_000
"""Records that are looked through in each direction."""
CLOSE_MS: Final = 5_000
"""How far before its time something is looked for: clocks of two machines are apart by less, or hardly ever more."""

Places = dict[tuple[str, int], int]
Piece = tuple[int, int, int]
"""A partition, the first offset and the one behind the last."""


class Search:
    """One topic, through a reader of it alone. `until` is when to stop, of `time.monotonic`."""

    def __init__(self, reader: Reader, topic: str, until: float) -> None:
        self._reader, self._topic, self._until = reader, topic, until
        self.looked = 0
        self.ends: Places = reader.end_offsets()
        self._since: Places = {}
        self._reached: Places = {}
        self._back_to: Places = {}

    @property
    def bounded(self) -> bool:
        """Whether something that was written since the time of `forwards` was not looked at: too much, too slow.

        What `backwards` went through from the end was looked at too.
        """
        late = time.monotonic() >= self._until
        left = ((at, self._back_to.get(where, self.ends[where])) for where, at in self._reached.items())
        return late or any(at < back_to for at, back_to in left)

    def records(self, partition: int, first: int, last: int) -> list[Record]:
        """The records from `first` to before `last`; those that come in time."""
        found: list[Record] = []
        self._reader.seek(self._topic, partition, first)
        at = first
        while at < last and time.monotonic() < self._until:
            polled = [record for record in self._reader.poll(0.2) if record.partition == partition]
            found += [record for record in polled if record.offset < last]
            at = max([at, *(record.offset + 1 for record in polled)])
            if not polled and not self._reader.holds_from(self._topic, partition, at):
                break
        # What lies behind was read before, or is not wanted: a reader would go on with it.
        self._reader.seek(self._topic, partition, self.ends.get((self._topic, partition), at))
        self.looked += len(found)
        return found

    def forwards(self, time_ms: int) -> Iterator[Piece]:
        """Pieces from what was written at this time on, all partitions in turn."""
        self._since = self._reader.offsets_at(time_ms - CLOSE_MS)
        self._reached = dict(self._since)
        self._back_to = {}
        most = MOST // max(1, len(self.ends))
        pieces = {
            where: _up(self._since[where], min(end, self._since[where] + most))
            for where, end in self.ends.items()
        }
        for partition, first, last in self._in_turn(pieces):
            self._reached[self._topic, partition] = last
            yield partition, first, last

    def towards(self, place: LogPlace, time_ms: int) -> Iterator[tuple[int, int]]:
        """Pieces of a place's partition from what was written at this time up to the place; last the place alone."""
        for partition, first, last in self.forwards(time_ms):
            if partition == place.partition:
                if first > place.offset:
                    break
                yield first, min(last, place.offset + 1)
        yield place.offset, place.offset + 1

    def backwards(self, not_before_ms: int | None = None) -> Iterator[Piece]:
        """Pieces from the end, all partitions in turn, but for what `forwards` went through."""
        begins = self._reader.begin_offsets()
        if not_before_ms is not None:
            begins |= self._reader.offsets_at(not_before_ms)
        most = MOST // max(1, len(self.ends))
        pieces = {}
        for where, end in self.ends.items():
            since, reached = self._since.get(where, end), self._reached.get(where, end)
            pieces[where] = _down(((max(begins[where], reached), end), (begins[where], since)), most)
        for partition, first, last in self._in_turn(pieces):
            self._back_to[self._topic, partition] = first
            yield partition, first, last

    def _in_turn(self, pieces: Mapping[tuple[str, int], Iterator[tuple[int, int]]]) -> Iterator[Piece]:
        left = dict(pieces)
        while left:
            for where, one in list(left.items()):
                piece = next(one, None)
                if piece is None or time.monotonic() >= self._until:
                    del left[where]
                else:
                    yield where[1], *piece


def before(end: int) -> Iterator[tuple[int, int]]:
    """Ever longer pieces of a partition before an offset, none of them read twice."""
    last = end
    for back in (1, 200, 2_000, 20_000):
        first = max(0, end - back)
        if first < last:
            yield first, last
        last = first


def _up(first: int, last: int) -> Iterator[tuple[int, int]]:
    size = AHEAD
    while first < last:
        yield first, min(last, first + size)
        first, size = first + size, CHUNK


def _down(spans: Iterable[tuple[int, int]], most: int) -> Iterator[tuple[int, int]]:
    """Pieces of the spans, each from its end, at most so many records in all."""
    for first, end in spans:
        last = end
        while first < last and most > 0:
            begin = max(first, last - min(CHUNK, most))
            yield begin, last
            most, last = most - (last - begin), begin
