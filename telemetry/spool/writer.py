"""The router's side of the spool, the append-only files between it and the forwarder.

A record is written with one system call, and then survives the death of the process at any byte. What survives a
power cut is `telemetry.spool.syncing`'s policy; how records lie in the files is `telemetry.spool.frames`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from telemetry.errors import SpoolError
from telemetry.rated import Rated
from telemetry.spool.cursor import START, read_cursor
from telemetry.spool.disk import Disk
from telemetry.spool.folder import identity, leap, lock, open_folder, segment_numbers, segment_path
from telemetry.spool.frames import MAX_PAYLOAD_BYTES, frame
from telemetry.spool.losses import DROPPED, Ledger
from telemetry.spool.numbering import keep_written, next_number
from telemetry.spool.quota import drop, to_be_dropped
from telemetry.spool.syncing import Syncer, SyncPolicy

log = logging.getLogger(__name__)

_SEGMENT_BYTES: Final = 8 * 1024 * 1024
_SEGMENT_S: Final = 60.0
"""A reader deletes whole segments that it is done with: what users wrote stays here about so long at most."""


class Spool:
    """The writer. One process has it at a time, and one thread uses it.

    Each writer begins a new segment, so what a dead one left behind half-written stays the tail of its segment; and
    one that is a minute old, or full, is followed by another with the next record. When the segments would grow
    beyond `quota_bytes`, the oldest is deleted; `dropped` counts the records in it that nobody had acknowledged (it may
    count some that the reader had just read: an upper bound), and each is logged.
    """

    def __init__(
        self,
        folder: Path,
        quota_bytes: int,
        segment_bytes: int | None = None,
        sync: SyncPolicy = "interval",
        disk: Disk | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._quota = quota_bytes
        self._segment_bytes = segment_bytes or max(1, min(_SEGMENT_BYTES, quota_bytes // 8))
        self._disk = disk or Disk()
        self._clock = clock
        self._old_at = 0.0
        self._at_once = sync == "always"
        self._file = -1
        open_folder(folder)
        self._lock = lock(folder / "writer.lock", "writer")
        self._lost = Rated(log)
        self._dropped = Ledger(folder / DROPPED)
        self._pwrite = self._disk.pwrite
        self._syncer = Syncer(
            folder, sync, self._disk, lambda: self._next - 1, lambda number: keep_written(folder, number)
        )
        try:
            taken = max((loss.last for loss in self._dropped.losses), default=0)
            self._next = next_number(folder, read_cursor(folder).number, taken)
            with contextlib.suppress(OSError):  # a full disk: tried again five times a second
                keep_written(folder, self._next - 1)
            self._begin_segment(self._first_segment(), self._segment_bytes)
        except SpoolError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise self._unwritable(error.strerror) from error
        self._syncer.start()

    @property
    def dropped(self) -> int:
        """How many unacknowledged records the quota has cost in the spool's life."""
        return self._dropped.records

    def append(self, payload: bytes) -> None:
        """Write one record with one system call. SpoolError where it is too large or the disk is full."""
        framed = frame(self._next, payload)
        size = len(framed)
        try:
            full = self._size + size > self._segment_bytes or self._file < 0
            if full or (self._size and self._clock() > self._old_at):
                self._rotate(size)
            # At a position of our own: should somebody cut the file, no place in it is used a second time.
            written = self._pwrite(self._file, framed, self._size)
            if written != size:
                # The disk is full: take the half frame back, or the next append would follow it.
                self._disk.ftruncate(self._file, self._size)
                raise self._unwritable(f"{written} of {size} bytes fitted")
            # Counted before it is synced: a reader may have it already, whatever the disk says.
            self._size += size
            self._next += 1
            if self._at_once:
                self._disk.fdatasync(self._file)
        except OSError as error:
            raise self._unwritable(error.strerror) from error

    def close(self) -> None:
        """Let go of the files. What was appended stays for the reader."""
        if self._lock >= 0:
            self._syncer.close()
            os.close(self._lock)
            self._file = self._lock = -1

    def _first_segment(self) -> int:
        """A number for the first segment that no segment of this folder's id ever had."""
        cursor, numbers = read_cursor(self._folder), segment_numbers(self._folder)
        leapt = leap(self._lock)
        if cursor == START and not numbers:
            # Nothing tells what the id that may lie here was used for.
            identity(self._folder, anew_from=self._next)
            return 1
        with contextlib.suppress(OSError):  # a full disk: the reader tries again, and goes without meanwhile
            identity(self._folder)
        return max([cursor.segment, *numbers]) + leapt + 1

    def _rotate(self, frame_bytes: int) -> None:
        if frame_bytes > min(self._quota, MAX_PAYLOAD_BYTES):
            limit = min(self._quota, MAX_PAYLOAD_BYTES)
            raise SpoolError(f"a record of {frame_bytes} bytes does not fit into the spool's {limit}")
        room_bytes = max(frame_bytes, self._segment_bytes)
        if self._file >= 0 and not self._size:
            self._make_room(room_bytes)
            return
        self._begin_segment(self._number + 1, room_bytes)

    def _begin_segment(self, number: int, room_bytes: int) -> None:
        self._file = self._disk.create(segment_path(self._folder, number))
        self._number, self._size = number, 0
        self._old_at = self._clock() + _SEGMENT_S
        self._syncer.begins(self._file)
        self._make_room(room_bytes)

    def _make_room(self, room_bytes: int) -> None:
        """Delete the oldest segments until the current one may grow to `room_bytes` within the quota."""
        for segment, following in to_be_dropped(self._folder, self._number, room_bytes, self._quota):
            loss = drop(self._folder, segment, following, self._next, self._dropped)
            if loss is not None:
                self._lost.error("the quota of the spool %s took %s", self._folder, loss)

    def _unwritable(self, reason: str | None) -> SpoolError:
        return SpoolError(
            f"cannot append to the spool {self._folder}: {reason}",
            hint="Free space on its disk; the interactions until then are lost and counted.",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
