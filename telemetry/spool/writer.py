"""The spool: the append-only files between the router and the forwarder. This is the router's side.

    folder/000000000007.segment    frames: [length u32][CRC32 u32][payload], little-endian
    folder/cursor.json             how far the reader has acknowledged (`telemetry.spool.reader`)
    folder/dropped.json            how many unacknowledged records the quota has cost so far

The folder itself is `telemetry.spool.folder`'s.

The checksum covers the length and the payload, so that a run of zero bytes is no valid frame. Nothing is
synced: the spool survives the death of the process at any byte, not of the machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
from pathlib import Path
from typing import Final, NamedTuple, Self
from zlib import crc32

import pydantic_core

from telemetry.errors import SpoolError
from telemetry.files import write_renamed
from telemetry.spool.folder import leap, lock, open_folder, segment_numbers, segment_path, spool_id

HEADER: Final = struct.Struct("<II")
MAX_PAYLOAD_BYTES: Final = 64 * 1024 * 1024
_pack_header: Final = HEADER.pack
_pack_length: Final = struct.Struct("<I").pack


def checksum(payload: bytes) -> int:
    """CRC32 of the payload's length (u32, little-endian) followed by the payload."""
    return crc32(payload, crc32(_pack_length(len(payload))))


def frame(payload: bytes) -> bytes:
    """The payload as it lies in a segment."""
    return _pack_header(len(payload), checksum(payload)) + payload


class Cursor(NamedTuple):
    """What is acknowledged: all before byte `offset` of `segment`; they were `records` of its records."""

    segment: int
    offset: int
    records: int


START: Final = Cursor(0, 0, 0)


def read_cursor(folder: Path) -> Cursor:
    """The reader's cursor; the very start where there is none. SpoolError where it cannot be read."""
    path = folder / "cursor.json"
    try:
        fields = pydantic_core.from_json(path.read_bytes())
        return Cursor(int(fields["segment"]), int(fields["offset"]), int(fields["records"]))
    except FileNotFoundError:
        return START
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpoolError(
            f"the spool's cursor {path} cannot be read: {error}",
            hint="Delete the file to have everything in the spool sent again; consumers drop what they know.",
        ) from error


def write_cursor(folder: Path, cursor: Cursor) -> None:
    """Replace the cursor file."""
    write_renamed(folder / "cursor.json", json.dumps(cursor._asdict()).encode())


def read_dropped(folder: Path) -> int:
    """How many unacknowledged records the quota has cost so far."""
    try:
        return int(pydantic_core.from_json((folder / "dropped.json").read_bytes())["records"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0


def count_frames(path: Path) -> int:
    """How many whole frames a segment has, by their lengths alone."""
    data = path.read_bytes()
    position = count = 0
    while position + HEADER.size <= len(data):
        position += HEADER.size + HEADER.unpack_from(data, position)[0]
        count += position <= len(data)
    return count


class Spool:
    """The writer. One process has it at a time, and one thread uses it.

    Each writer begins a new segment, so what a dead one left behind half-written stays the tail of its
    segment. When the segments would grow beyond `quota_bytes`, the oldest is deleted; `dropped` counts the
    records in it that nobody had acknowledged (it may count some that the reader had just read: an upper
    bound).
    """

    def __init__(self, folder: Path, quota_bytes: int, segment_bytes: int | None = None) -> None:
        self._folder = folder
        self._quota = quota_bytes
        self._segment_bytes = segment_bytes or max(1, min(8 * 1024 * 1024, quota_bytes // 8))
        self._counts: dict[int, int] = {}
        open_folder(folder)
        self._lock = lock(folder / "writer.lock", "writer")
        self.dropped = read_dropped(folder)
        self._file = -1
        try:
            self._begin_segment(self._first_number(), self._segment_bytes)
        except OSError as error:
            raise self._unwritable(error.strerror) from error

    def _first_number(self) -> int:
        """A number for the first segment that no segment of this folder's id ever had."""
        cursor, numbers = read_cursor(self._folder), segment_numbers(self._folder)
        leapt = leap(self._lock)
        if cursor == START and not numbers:
            # Nothing tells what the id that may lie here was used for.
            spool_id(self._folder, anew=True)
            return 1
        with contextlib.suppress(OSError):  # a full disk: the reader tries again, and goes without meanwhile
            spool_id(self._folder)
        return max([cursor.segment, *numbers]) + leapt + 1

    def append(self, payload: bytes) -> None:
        """Write one record with one system call. SpoolError where it is too large or the disk is full."""
        framed = frame(payload)
        size = len(framed)
        try:
            if self._size + size > self._segment_bytes or self._file < 0:
                self._rotate(size)
            # At a position of our own: should somebody cut the file, no place in it is used a second time.
            written = os.pwrite(self._file, framed, self._size)
            if written != size:
                # The disk is full: take the half frame back, or the next append would follow it.
                os.ftruncate(self._file, self._size)
        except OSError as error:
            raise self._unwritable(error.strerror) from error
        if written != size:
            raise self._unwritable(f"{written} of {size} bytes fitted")
        self._size += size
        self._count += 1

    def close(self) -> None:
        """Let go of the files. What was appended stays for the reader."""
        self._end_segment()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _rotate(self, frame_bytes: int) -> None:
        if frame_bytes > min(self._quota, MAX_PAYLOAD_BYTES):
            limit = min(self._quota, MAX_PAYLOAD_BYTES)
            raise SpoolError(f"a record of {frame_bytes} bytes does not fit into the spool's {limit}")
        room_bytes = max(frame_bytes, self._segment_bytes)
        if self._file >= 0 and not self._size:
            self._make_room(room_bytes)
            return
        self._end_segment()
        self._begin_segment(self._number + 1, room_bytes)

    def _end_segment(self) -> None:
        if self._file >= 0:
            self._counts[self._number] = self._count
            os.close(self._file)
            self._file = -1

    def _begin_segment(self, number: int, room_bytes: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(segment_path(self._folder, number), flags, 0o600)
        self._number, self._size, self._count = number, 0, 0
        self._make_room(room_bytes)

    def _make_room(self, room_bytes: int) -> None:
        """Delete the oldest segments until the current one may grow to `room_bytes` within the quota."""
        older = [number for number in segment_numbers(self._folder) if number != self._number]
        sizes = {number: _size_of(segment_path(self._folder, number)) for number in older}
        excess = sum(sizes.values()) + room_bytes - self._quota
        for number in older:
            if excess <= 0:
                return
            self._drop(number)
            excess -= sizes[number]

    def _drop(self, number: int) -> None:
        path = segment_path(self._folder, number)
        acknowledged = read_cursor(self._folder)
        try:
            count = self._counts.pop(number, None) or count_frames(path)
            path.unlink()
        except FileNotFoundError:
            return  # the reader was done with it and deleted it just now
        if number == acknowledged.segment:
            count -= acknowledged.records
        if number >= acknowledged.segment and count > 0:
            self.dropped += count
            write_renamed(
                self._folder / "dropped.json",
                json.dumps({"records": self.dropped}).encode(),
            )

    def _unwritable(self, reason: str | None) -> SpoolError:
        return SpoolError(
            f"cannot append to the spool {self._folder}: {reason}",
            hint="Free space on its disk; the interactions until then are lost and counted.",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
