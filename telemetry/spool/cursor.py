"""How far the spool's reader has acknowledged: a file of fixed size, written in place.

Two slots of [sequence, segment, offset, records, number: u64 each][CRC32 u32] are written in turn, so that a write
that was cut leaves the other one. Nothing new is allocated: a full disk does not stop it.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

import pydantic_core

from telemetry.errors import SpoolError

_SLOT: Final = struct.Struct("<QQQQQ")
_CRC: Final = struct.Struct("<I")
_SLOT_BYTES: Final = 512  # one sector: a disk writes it whole


class Cursor(NamedTuple):
    """What is acknowledged: all before byte `offset` of `segment`; they were `records` of its records.

    `number` is that of the record expected next, 0 where that is not known.
    """

    segment: int
    offset: int
    records: int
    number: int = 0


START: Final = Cursor(0, 0, 0)


def read_cursor(folder: Path) -> Cursor:
    """The reader's cursor; the very start where there is none. SpoolError where it cannot be read."""
    slots = _read_slots(folder / "cursor")
    if slots is None:
        return _read_old(folder / "cursor.json")
    if not slots:
        raise _unreadable(folder / "cursor", "neither of its two slots has its checksum")
    return Cursor(*slots[max(slots)])


class CursorFile:
    """The reader's end of it. Raises SpoolError where there is a file that cannot be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "cursor"
        self.read = read_cursor(folder)
        self._sequence = max(_read_slots(self._path) or {0: ()})

    def exists(self) -> bool:
        """Whether there is one that is written in place."""
        return self._path.exists()

    def write(self, cursor: Cursor, *, durable: bool = False) -> None:
        """Write the cursor over the older slot; `durable` returns when the disk has it. Raises OSError."""
        if not self.exists():
            self._make(cursor)
            return
        following = self._sequence + 1
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            packed = _packed(following, cursor)
            written = os.pwrite(descriptor, packed, _SLOT_BYTES * (following % 2))
            if written != len(packed):
                raise OSError(28, f"{written} of {len(packed)} bytes fitted")
            if durable:
                os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        self._sequence = following

    def _make(self, cursor: Cursor) -> None:
        """Make the file with both slots, so that writing to it needs no room later."""
        beside = self._path.with_name(f".cursor.{os.getpid()}.new")
        slot = _packed(self._sequence, cursor).ljust(_SLOT_BYTES, b"\0")
        try:
            with beside.open("wb") as file:
                file.write(slot + slot)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
        (self._folder / "cursor.json").unlink(missing_ok=True)


def _packed(sequence: int, cursor: Cursor) -> bytes:
    content = _SLOT.pack(sequence, *cursor)
    return content + _CRC.pack(crc32(content))


def _read_slots(path: Path) -> dict[int, tuple[int, ...]] | None:
    """The valid slots by their sequence; None where there is no file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error
    found = {}
    for begin in (0, _SLOT_BYTES):
        slot = data[begin : begin + _SLOT.size + _CRC.size]
        if len(slot) == _SLOT.size + _CRC.size and _CRC.unpack(slot[_SLOT.size :])[0] == crc32(
            slot[: _SLOT.size]
        ):
            sequence, *fields = _SLOT.unpack_from(slot)
            found[sequence] = tuple(fields)
    return found


def _read_old(path: Path) -> Cursor:
    """The cursor as it was written before it had slots."""
    try:
        fields = pydantic_core.from_json(path.read_bytes())
        return Cursor(int(fields["segment"]), int(fields["offset"]), int(fields["records"]))
    except FileNotFoundError:
        return START
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, why: object) -> SpoolError:
    return SpoolError(
        f"the spool's cursor {path} cannot be read: {why}",
        hint="Delete the file to have everything in the spool sent again; consumers drop what they know.",
    )
