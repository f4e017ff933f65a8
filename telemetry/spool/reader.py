"""The forwarder's side of the spool: reads segments in order, acknowledges by renaming a cursor file."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from telemetry.errors import SpoolError
from telemetry.events import SpoolPlace
from telemetry.spool.folder import lock, open_folder, segment_numbers, segment_path, spool_id
from telemetry.spool.writer import (
    HEADER,
    MAX_PAYLOAD_BYTES,
    Cursor,
    checksum,
    read_cursor,
    read_dropped,
    write_cursor,
)

log = logging.getLogger(__name__)

_CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spooled:
    """One record of the spool, or, where `error` is set, the bytes that could not be read as one.

    `spool` is the id of the folder; None where it has none and its disk had no room for one.
    """

    payload: bytes
    segment: int
    offset: int
    error: str | None = None
    spool: str | None = None

    @property
    def place(self) -> SpoolPlace | None:
        """Where it lay, by which it is known when it is sent again."""
        if self.spool is None:
            return None
        return SpoolPlace(spool=self.spool, segment=self.segment, offset=self.offset)


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at a position of a segment: a frame, damage, or nothing yet. `end` is where it stops."""

    kind: str
    end: int
    payload: bytes = b""


def find(data: bytes, position: int, *, ended: bool) -> Found:
    """What stands at `position` of a segment's bytes.

    `ended` says that the segment will not grow and `data` reaches its end. Kinds: "frame"; "more" (what is
    there is no whole frame yet); "end"; "torn" (the writer died within its last frame); "damaged" (up to the
    next valid frame, or to the end).
    """
    if position == len(data):
        return Found("end" if ended else "more", position)
    if position + HEADER.size > len(data):
        return Found("torn" if ended else "more", len(data) if ended else position)
    length, expected = HEADER.unpack_from(data, position)
    begin = position + HEADER.size
    end = begin + length
    if end <= len(data):
        payload = data[begin:end]
        if checksum(payload) == expected:
            return Found("frame", end, payload)
        if _is_frame(data, end) or (ended and end == len(data)):
            return Found("damaged", end)
    if not ended and length <= MAX_PAYLOAD_BYTES:
        # Damage and a frame that is still growing look alike until the segment has ended.
        return Found("more", position)
    following = _next_frame(data, position + 1)
    if following is not None:
        return Found("damaged", following)
    if not ended:
        return Found("more", position)
    return Found("torn" if end > len(data) else "damaged", len(data))


def _is_frame(data: bytes, position: int) -> bool:
    if position + HEADER.size > len(data):
        return False
    length, expected = HEADER.unpack_from(data, position)
    begin = position + HEADER.size
    return begin + length <= len(data) and bool(checksum(data[begin : begin + length]) == expected)


def _next_frame(data: bytes, position: int) -> int | None:
    """Where the next valid frame begins. Text costs little: four letters make a length beyond any segment."""
    for candidate in range(position, len(data) - HEADER.size + 1):
        if _is_frame(data, candidate):
            return candidate
    return None


class SpoolReader:
    """The reader. One process has it at a time; the writer may be alive, dead or yet to come.

    `read` goes on from where the last `read` ended, a new reader from what was acknowledged.
    `torn` counts half-written records that a dying writer left behind.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        open_folder(folder)
        self._lock = lock(folder / "reader.lock", "reader")
        self._cursor = read_cursor(folder)
        self._acknowledged = self._cursor
        self._file = -1
        self._opened = -1
        self._spool: str | None = None
        self._data = b""
        self._data_at = 0
        self.torn = 0

    def read(self, max_records: int) -> list[Spooled]:
        """Up to so many records, oldest first; an empty list where there is nothing new."""
        found: list[Spooled] = []
        while len(found) < max_records:
            numbers = segment_numbers(self._folder)
            if not self._at_segment(numbers):
                break
            # Asked before the bytes are read: once a newer segment exists, this one does not grow.
            ended = numbers[-1] > self._cursor.segment
            self._read_segment(found, max_records, ended=ended)
            if len(found) >= max_records or not ended:
                break
            following = min(number for number in numbers if number > self._cursor.segment)
            self._move(Cursor(following, 0, 0))
        return found

    def acknowledge(self) -> None:
        """Remember that all that `read` returned is done, and delete the segments that are behind."""
        if self._cursor == self._acknowledged:
            return
        try:
            write_cursor(self._folder, self._cursor)
        except OSError as error:
            raise SpoolError(
                f"cannot write the spool's cursor in {self._folder}: {error.strerror}",
                hint="Free space on its disk; what was not acknowledged is sent again, nothing is lost.",
            ) from error
        self._acknowledged = self._cursor
        for number in segment_numbers(self._folder):
            if number >= self._cursor.segment:
                break
            segment_path(self._folder, number).unlink(missing_ok=True)

    def lag_bytes(self) -> int:
        """Bytes in the spool that are not acknowledged."""
        total = 0
        for number in segment_numbers(self._folder):
            if number >= self._acknowledged.segment:
                try:
                    total += segment_path(self._folder, number).stat().st_size
                except FileNotFoundError:
                    continue  # the quota took it between the two calls
                if number == self._acknowledged.segment:
                    total -= self._acknowledged.offset
        return max(0, total)

    def dropped(self) -> int:
        """How many unacknowledged records the quota has cost so far."""
        return read_dropped(self._folder)

    def close(self) -> None:
        """Let go of the files; nothing is acknowledged by closing."""
        if self._lock >= 0:
            self._close_file()
            os.close(self._lock)
            self._lock = -1

    def _at_segment(self, numbers: list[int]) -> bool:
        """Have the cursor's segment open, or the next where the quota took it; False where there is none."""
        while numbers:
            wanted = self._cursor.segment
            if self._opened == wanted:
                return True
            number = next((n for n in numbers if n >= wanted), None)
            if number is None:
                return False
            if number != wanted:
                self._move(Cursor(number, 0, 0))
            try:
                self._file = os.open(segment_path(self._folder, number), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                numbers.remove(number)
                continue
            self._opened = number
            self._spool = self._read_id()
            self._data, self._data_at = b"", self._cursor.offset
            return True
        return False

    def _read_id(self) -> str | None:
        """The folder's id. Read with each segment: a writer that finds an emptied folder gives it a new one."""
        try:
            return spool_id(self._folder)
        except OSError as error:
            log.warning("the spool %s has no id, its records leave without a place: %s", self._folder, error)
            return None

    def _read_segment(self, found: list[Spooled], max_records: int, *, ended: bool) -> None:
        """Add records until there are enough or the segment has no more."""
        position, records, complete = 0, self._cursor.records, False
        while len(found) < max_records:
            here = find(self._data, position, ended=ended and complete)
            at = self._data_at + position
            if here.kind == "more" and not complete:
                complete = not self._fill(position)
                position = 0
                continue
            if here.kind in ("more", "end"):
                break
            if here.kind == "frame":
                found.append(Spooled(here.payload, self._opened, at, spool=self._spool))
                records += 1
            elif here.kind == "torn":
                self.torn += 1
            else:
                damaged = self._data[position : here.end]
                found.append(
                    Spooled(damaged, self._opened, at, self._describe(at, len(damaged)), self._spool)
                )
                records += 1
            position = here.end
        self._cursor = Cursor(self._opened, self._data_at + position, records)
        self._data, self._data_at = self._data[position:], self._data_at + position

    def _fill(self, position: int) -> bool:
        """Forget the bytes before `position` and read some more; False where the file has no more now."""
        more = os.pread(self._file, _CHUNK_BYTES, self._data_at + len(self._data))
        self._data, self._data_at = self._data[position:] + more, self._data_at + position
        return bool(more)

    def _describe(self, offset: int, size: int) -> str:
        path = segment_path(self._folder, self._opened)
        return f"{path.name} at byte {offset}: {size} bytes whose checksum does not match"

    def _move(self, cursor: Cursor) -> None:
        self._close_file()
        self._cursor = cursor

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = self._opened = -1
        self._data, self._data_at = b"", 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
