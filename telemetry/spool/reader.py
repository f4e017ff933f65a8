"""The forwarder's side of the spool: reads segments in order, moves the cursor with what was acknowledged."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from telemetry.events import SpoolPlace
from telemetry.spool.cursor import START, Cursor, CursorFile
from telemetry.spool.folder import Segment, identity, lock, open_folder, segments
from telemetry.spool.frames import find
from telemetry.spool.missing import Missing

log = logging.getLogger(__name__)

_CHUNK_BYTES: Final = 1024 * 1024
_NONE: Final = Segment(-1, Path(), numbered=True)


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


class SpoolReader:
    """The reader. One process has it at a time; the writer may be alive, dead or yet to come.

    `read` goes on from where the last `read` ended, a new reader from what was acknowledged. `missing` tells what
    was lost; `trouble` why the cursor is not on the disk, empty where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        open_folder(folder)
        self._lock = lock(folder / "reader.lock", "reader")
        self._file = -1
        self._opened = _NONE
        self._spool: str | None = None
        self._data = b""
        self._data_at = 0
        self._unsaved = False
        self.trouble = ""
        try:
            self._cursors = CursorFile(folder)
        except BaseException:
            self.close()
            raise
        self._cursor = self._acknowledged = self._cursors.read
        self.missing = Missing(folder, self._cursor.number)
        if not self._cursors.exists():
            # Made while there is room for it: from then on it is written in place.
            self.trouble = self._save(durable=False)

    def read(self, max_records: int, max_bytes: int = 1 << 62) -> list[Spooled]:
        """Up to so many records, oldest first; an empty list where there is nothing new.

        It ends with the record that reaches `max_bytes`, however large that one is.
        """
        found: list[Spooled] = []
        room = max_bytes
        while len(found) < max_records and room > 0:
            there = segments(self._folder)
            if not self._at_segment(there):
                break
            # Asked before the bytes are read: once a newer segment exists, this one does not grow.
            ended = there[-1].number > self._cursor.segment
            had = len(found)
            full = self._read_segment(found, max_records, room, ended=ended)
            room -= sum(len(record.payload) for record in found[had:])
            if full or not ended:
                break
            following = min(s.number for s in there if s.number > self._cursor.segment)
            self._move(following)
        return found

    def rewind(self) -> None:
        """Go back to what was acknowledged: `read` returns everything since then again."""
        self._close_file()
        self._cursor = self._acknowledged
        self.missing.rewind(self._cursor.number)

    def acknowledge(self) -> None:
        """Remember that all that `read` returned is done, and delete the segments that are behind.

        A disk that is full stops neither: `trouble` says so, and the cursor is written once there is room.
        """
        if self._cursor == self._acknowledged and not self._unsaved:
            return
        self._acknowledged = self._cursor
        behind = [s.path for s in segments(self._folder) if s.number < self._cursor.segment]
        # On the disk before anything is deleted: a cursor that a power cut took back would miss what is gone.
        failed = self._save(durable=bool(behind))
        for path in behind:
            path.unlink(missing_ok=True)
        if failed and behind:
            failed = self._save(durable=False)
        self._unsaved, self.trouble = bool(failed), failed

    def lag_bytes(self) -> int:
        """Bytes in the spool that are not acknowledged."""
        total = 0
        for segment in segments(self._folder):
            if segment.number >= self._acknowledged.segment:
                try:
                    total += segment.path.stat().st_size
                except FileNotFoundError:
                    continue  # the quota took it between the two calls
                if segment.number == self._acknowledged.segment:
                    total -= self._acknowledged.offset
        return max(0, total)

    def close(self) -> None:
        """Let go of the files; nothing is acknowledged by closing."""
        if self._lock >= 0:
            self._close_file()
            os.close(self._lock)
            self._lock = -1

    def _save(self, *, durable: bool) -> str:
        """Write losses and cursor; why that could not be, empty where it could."""
        try:
            self.missing.save()
            self._cursors.write(self._acknowledged, durable=durable)
        except OSError as error:
            return f"cannot write the spool's cursor in {self._folder}: {error.strerror or error}"
        return ""

    def _at_segment(self, there: list[Segment]) -> bool:
        """Have the cursor's segment open, or the next where the quota took it; False where there is none."""
        wanted = self._cursor.segment
        if self._opened.number == wanted:
            return bool(there)
        for segment in there:
            if segment.number < wanted:
                continue
            if segment.number != wanted:
                self._move(segment.number)
            try:
                self._file = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            self._opened = segment
            self._identify()
            self._data, self._data_at = b"", self._cursor.offset
            return True
        return False

    def _identify(self) -> None:
        """Learn whose records these are, with each segment: an emptied folder gets a new id from its next writer."""
        try:
            self._spool, first = identity(self._folder)
        except OSError as error:
            log.warning("the spool %s has no id, its records leave without a place: %s", self._folder, error)
            self._spool = None
            return
        if self._acknowledged == START and self._cursor.segment == 1:
            self.missing.expected = first

    def _read_segment(self, found: list[Spooled], max_records: int, room: int, *, ended: bool) -> bool:
        """Add records until the segment has no more, or, which is True, there are enough."""
        position, records, complete, full = 0, self._cursor.records, False, False
        while not full:
            here = find(self._data, position, ended=ended and complete, numbered=self._opened.numbered)
            at = self._data_at + position
            if here.kind == "more" and not complete:
                complete = not self._fill(position)
                position = 0
                continue
            if here.kind in ("more", "end"):
                break
            error = None
            if here.kind == "frame":
                self.missing.frame(self._opened.number, here.number)
            else:
                size, name = here.end - position, self._opened.path.name
                error = f"{name} at byte {at}: {size} bytes whose checksum does not match"
                self.missing.damage(self._opened, error, torn=here.kind == "torn")
            if here.kind != "torn":
                payload = here.payload if error is None else self._data[position : here.end]
                found.append(Spooled(payload, self._opened.number, at, error, self._spool))
                records += 1
                room -= len(payload)
                full = len(found) >= max_records or room <= 0
            position = here.end
        self._cursor = Cursor(self._opened.number, self._data_at + position, records, self.missing.expected)
        self._data, self._data_at = self._data[position:], self._data_at + position
        return full

    def _fill(self, position: int) -> bool:
        """Forget the bytes before `position` and read some more; False where the file has no more now."""
        more = os.pread(self._file, _CHUNK_BYTES, self._data_at + len(self._data))
        self._data, self._data_at = self._data[position:] + more, self._data_at + position
        return bool(more)

    def _move(self, segment: int) -> None:
        self._close_file()
        self._cursor = Cursor(segment, 0, 0, self.missing.expected)

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file, self._opened = -1, _NONE
        self._data, self._data_at = b"", 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
