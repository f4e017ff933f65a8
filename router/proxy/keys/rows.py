"""What each key has spent: a row of numbers, in this process's memory or in one that all workers of a router share.

Each word of a row is read and written whole. Budgets are charged without a lock: of two workers that charge one key in
the same fraction of a microsecond both may start from the same word, and one of the charges is lost. How many requests
a worker is answering is a word of its own, which it alone writes, so that none of these is ever lost.

A row that no worker holds and whose budgets are full again says nothing that a new one would not: whoever needs a row
takes it over. Workers hold the rows of the keys that they know, and let go of those that the file names no more.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
from typing import Final, NamedTuple, Self

from serving.processes import unnamed_file

log = logging.getLogger(__name__)

_MAGIC: Final = 0x6B65795F726F7731
_HEAD: Final = 4
_ROWS: Final = 1 << 14
"""Keys that a router's workers may use at a time; whatever is beyond has limits of each process."""
_VERSION: Final = 2
_FIELDS: Final = 5
_SPARE: Final = 8
"""Workers beside those that are wanted: one that drains while its successor has begun."""
_WORD: Final = 8


class Row(NamedTuple):
    """Where a key's numbers are in `words`.

    `requests` and `tokens` are followed, `apart` words on, by the limit that they stand under. The words
    `words[first:last:apart]` are the requests that each worker is answering, `mine` this one's.
    """

    words: memoryview[float]
    requests: int
    tokens: int
    apart: int
    first: int
    last: int
    mine: int

    def under_way(self) -> float:
        """Requests that all workers are answering."""
        return sum(self.words[self.first : self.last : self.apart])


class Rows:
    """Rows of this process alone."""

    def row(self, sha256: str, at: float) -> Row:  # noqa: ARG002 - who asks keeps it
        """The row of the key of this hash, from now on; times are of the clock that budgets have."""
        return Row(memoryview(bytearray(_FIELDS * _WORD)).cast("d"), 0, 2, 1, 4, 5, 4)

    def release(self, row: Row) -> None:
        """Whoever had this row uses it no more, and has no request under way."""


class Shared(Rows):
    """Rows that several workers share, seen by the one of this number.

    A row is claimed under a lock on the file, once a key and worker.
    """

    def __init__(self, file: int, number: int) -> None:
        self._file = file
        memory = memoryview(mmap.mmap(file, 0))
        self._owners, self._words = memory.cast("Q"), memory.cast("d")
        self._columns = int(self._owners[3])
        self._number = number
        self._told = False

    @staticmethod
    def made(workers: int) -> int:
        """A file that has no name, for so many workers; its descriptor."""
        columns = workers + _SPARE
        file = unnamed_file("belay-keys")
        os.ftruncate(file, (_HEAD + (_FIELDS + 2 * columns) * _ROWS) * _WORD)
        head = b"".join(word.to_bytes(_WORD, "little") for word in (_MAGIC, _VERSION, _ROWS, columns))
        os.pwrite(file, head, 0)
        return file

    @classmethod
    def of(cls, file: int, number: int) -> Self | None:
        """The rows in this file; None where another version of Belay has made it."""
        head = os.pread(file, 3 * _WORD, 0)
        if head != b"".join(word.to_bytes(_WORD, "little") for word in (_MAGIC, _VERSION, _ROWS)):
            log.warning("limits of keys hold for each worker until the router is started anew")
            return None
        return cls(file, number)

    def row(self, sha256: str, at: float) -> Row:
        """The row of the key of this hash, held until it is released."""
        place = self._claim(int(sha256[:16], 16) or 1, at) if self._number < self._columns else None
        if place is None:
            if not self._told:
                log.warning("no room for more keys: the limits of further ones hold for each worker")
                self._told = True
            return super().row(sha256, at)
        first = _HEAD + _FIELDS * _ROWS + place
        return Row(
            self._words,
            requests=_HEAD + _ROWS + place,
            tokens=_HEAD + 3 * _ROWS + place,
            apart=_ROWS,
            first=first,
            last=first + self._columns * _ROWS,
            mine=first + self._number * _ROWS,
        )

    def release(self, row: Row) -> None:
        """Have whoever needs the row take it over, once no other worker holds it and its budgets are full."""
        if row.words is self._words:
            self._words[row.mine + self._columns * _ROWS] = 0.0

    def forget(self, number: int) -> None:
        """The worker of this number has ended: it answers nothing any more, and holds no row."""
        if number < self._columns:
            for column in (number, self._columns + number):
                begin = _HEAD + (_FIELDS + column) * _ROWS
                self._words[begin : begin + _ROWS] = memoryview(bytes(_ROWS * _WORD)).cast("d")

    def _claim(self, owner: int, at: float) -> int | None:
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            place = self._place_for(owner, at)
            if place is not None:
                self._words[_HEAD + (_FIELDS + self._columns + self._number) * _ROWS + place] = 1.0
            return place
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)

    def _place_for(self, owner: int, at: float) -> int | None:
        """Where the owner is, or can be; None where there is no room.

        A row changes its owner but never becomes nobody's again, so that who lies behind it is still found.
        """
        spare: int | None = None
        for step in range(_ROWS):
            place = (owner + step) % _ROWS
            found = self._owners[_HEAD + place]
            if found == owner:
                return place
            if found == 0:
                spare = place if spare is None else spare
                break
            if spare is None and self._is_spent(place, at):
                spare = place
        if spare is not None:
            for field in range(1, _FIELDS):
                self._words[_HEAD + field * _ROWS + spare] = 0.0
            self._owners[_HEAD + spare] = owner
        return spare

    def _is_spent(self, place: int, at: float) -> bool:
        """Whether nobody holds the row and nothing of what was taken from its budgets is missing any more."""
        words, columns = self._words, _HEAD + _FIELDS * _ROWS + place
        return (
            words[_HEAD + _ROWS + place] <= at
            and words[_HEAD + 3 * _ROWS + place] <= at
            and not any(words[columns : columns + 2 * self._columns * _ROWS : _ROWS])
        )
