"""Which number the spool's next record has, also for a writer that begins after another one died.

`folder/written` holds the number of the last record, as of at most a fifth of a second before: where a segment was
cut while no writer was there, it is what tells that records are missing.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final
from zlib import crc32

from telemetry.spool.folder import segments
from telemetry.spool.frames import last_number

_NUMBER: Final = struct.Struct("<QI")


def next_number(folder: Path, expected: int, dropped: int) -> int:
    """One more than any record of this spool had, as far as its files tell.

    `expected` is the number that the cursor waits for, `dropped` the last that the quota took.
    """
    return max(expected, _last_in_segments(folder) + 1, read_written(folder) + 1, dropped + 1, 1)


def keep_written(folder: Path, number: int) -> None:
    """Write over the number that is kept. Raises OSError."""
    content = _NUMBER.pack(number, crc32(number.to_bytes(8, "little")))
    descriptor = os.open(folder / "written", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(descriptor, content, 0)
    finally:
        os.close(descriptor)


def read_written(folder: Path) -> int:
    """The number that is kept; 0 where there is none, or half of one."""
    try:
        number, check = _NUMBER.unpack((folder / "written").read_bytes())
    except (OSError, struct.error):
        return 0
    return int(number) if check == crc32(number.to_bytes(8, "little")) else 0


def _last_in_segments(folder: Path) -> int:
    """The number of the last whole record that the segments hold."""
    for segment in reversed(segments(folder)):
        found = last_number(segment.path.read_bytes()) if segment.numbered else 0
        if found or not segment.numbered:
            return found
    return 0
