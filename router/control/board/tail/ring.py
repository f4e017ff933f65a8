"""The last rows, in order of their last change; bounded. For any number of threads."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, NamedTuple

from router.control.board.tail.rows import OF_SCORE, Row, row_of, scored
from telemetry.events import InteractionRecorded, LogPlace, ScoreRecorded, Value

MOST_ROWS: Final = 5_000
"""Some seconds of a busy topic, so that a score mostly finds its interaction; 22 MB."""
WINDOW: Final = 60
"""Seconds over which it is told how much was read and how much skipped."""


class Reading(Value):
    """Interactions of the last `seconds`: those that were `read`, and those `skipped` since there were too many."""

    read: int
    skipped: int
    seconds: int


class News(NamedTuple):
    """What is new since `version`: the newest rows first, and how many more there are than were asked for."""

    version: int
    rows: tuple[Row, ...]
    left_out: int


class Ring:
    """Rows by interaction, at most `most`: whoever changed longest ago goes."""

    def __init__(self, most: int = MOST_ROWS) -> None:
        self.version = 0
        self._most = most
        self._rows: OrderedDict[str, tuple[int, Row]] = OrderedDict()
        self._seconds: deque[tuple[int, int, int]] = deque(maxlen=WINDOW)
        self._lock = threading.Lock()

    def see(self, interaction: InteractionRecorded, where: LogPlace) -> None:
        """Take in an interaction; one whose score came before it keeps that."""
        with self._lock:
            row = row_of(interaction, where)
            known = self._known(interaction.event_id)
            if known is not None and known.outcome is not None:
                return
            if known is not None and known.scored:
                row = row.model_copy(update={name: getattr(known, name) for name in OF_SCORE})
            self._put(row)

    def score(self, score: ScoreRecorded, scored_at: LogPlace) -> None:
        """Take in a score, with or without its interaction; of several the first that is read.

        After a restart a worker scores again what it had not committed; the evidence has the first. Where a tail began
        to read behind that, no record tells that it is the second: the interaction's own page looks the first up.
        What people say comes later and counts.
        """
        with self._lock:
            known = self._known(score.interaction_id)
            if known is not None and known.scored and score.corrects is None:
                return
            self._put(scored(score, known, scored_at))

    def find(self, interaction_id: str) -> Row | None:
        """A row that is kept."""
        with self._lock:
            return self._known(interaction_id)

    def since(self, version: int, matches: Callable[[Row], bool], most: int) -> News:
        """The rows that changed after `version` and match, newest first, at most `most` of them.

        Of those that are too many it is by their ids which are told: whoever was told an interaction is told its score.
        At first (`version` 0) the newest are.
        """
        with self._lock:
            newest = self.version
            found: list[Row] = []
            for changed, row in reversed(self._rows.values()):
                if changed <= version:
                    break
                if matches(row):
                    found.append(row)
        if len(found) <= most:
            return News(newest, tuple(found), 0)
        if version == 0:
            return News(newest, tuple(found[:most]), len(found) - most)
        last = sorted(_lot(row) for row in found)[most - 1]
        told = [row for row in found if _lot(row) <= last][:most]
        return News(newest, tuple(told), len(found) - len(told))

    def count(self, second: int, read: int, skipped: int) -> None:
        """Note what became of the records of this moment (seconds of any clock that only grows)."""
        with self._lock:
            if self._seconds and self._seconds[-1][0] == second:
                _, before_read, before_skipped = self._seconds.pop()
                read, skipped = before_read + read, before_skipped + skipped
            self._seconds.append((second, read, skipped))

    def reading(self, second: int) -> Reading:
        """What became of the records of the last minute."""
        with self._lock:
            recent = [one for one in self._seconds if one[0] > second - WINDOW]
        return Reading(
            read=sum(one[1] for one in recent),
            skipped=sum(one[2] for one in recent),
            seconds=second - recent[0][0] if recent else 0,
        )

    def _known(self, interaction_id: str) -> Row | None:
        found = self._rows.get(interaction_id)
        return None if found is None else found[1]

    def _put(self, row: Row) -> None:
        self.version += 1
        self._rows[row.interaction_id] = self.version, row
        self._rows.move_to_end(row.interaction_id)
        if len(self._rows) > self._most:
            self._rows.popitem(last=False)


def _lot(row: Row) -> int:
    """The same number for an interaction whenever it is asked."""
    return zlib.crc32(row.interaction_id.encode())
