"""How records lie in a segment, and what stands at a place of it: a frame, damage, or nothing yet.

    NUMBER.records    [length u32][CRC32 u32][number u64][payload], little-endian
    NUMBER.segment    [length u32][CRC32 u32][payload]: from before, read and no longer written

The checksum covers everything else of the frame, so that a run of zero bytes is none. Records are numbered from 1
through all segments of a spool without a gap: wherever records went, the numbers around the hole say which.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final, Literal
from zlib import crc32

MAX_PAYLOAD_BYTES: Final = 64 * 1024 * 1024
HEADER: Final = struct.Struct("<IIQ")
OLD_HEADER: Final = struct.Struct("<II")
_pack_header: Final = HEADER.pack
_pack_checked: Final = struct.Struct("<IQ").pack
_pack_old_checked: Final = struct.Struct("<I").pack
_NOT_ZERO: Final = re.compile(rb"[^\0]")

Kind = Literal["frame", "more", "end", "torn", "damaged"]


def frame(number: int, payload: bytes) -> bytes:
    """The payload as it lies in a segment."""
    length = len(payload)
    return _pack_header(length, crc32(payload, crc32(_pack_checked(length, number))), number) + payload


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at a place of a segment. `end` is where it stops; `number` is 0 where frames have none.

    "more": what is there is no whole frame yet; "torn": the segment ends within a frame; "damaged": up to the next
    frame, or to the end.
    """

    kind: Kind
    end: int
    payload: bytes = b""
    number: int = 0


def find(data: bytes, position: int, *, ended: bool, numbered: bool = True) -> Found:
    """What stands at `position` of a segment's bytes.

    `ended` says that the segment will not grow and `data` reaches its end.
    """
    header = HEADER if numbered else OLD_HEADER
    if position == len(data):
        return Found("end" if ended else "more", position)
    if position + header.size > len(data):
        return Found("torn" if ended else "more", len(data) if ended else position)
    there = _frame_at(data, position, numbered)
    if there is not None:
        return there
    length = OLD_HEADER.unpack_from(data, position)[0]
    end = position + header.size + length
    if end <= len(data) and (_frame_at(data, end, numbered) or (ended and end == len(data))):
        return Found("damaged", end)
    hole = not any(data[position : position + header.size])  # somebody cut the file under its writer
    if not ended and length <= MAX_PAYLOAD_BYTES and not hole:
        # Damage and a frame that is still growing look alike until the segment has ended.
        return Found("more", position)
    following = _next_frame(data, position + 1, numbered)
    if following is not None:
        return Found("damaged", following)
    if not ended:
        return Found("more", position)
    return Found("torn" if end > len(data) else "damaged", len(data))


def count_old_frames(data: bytes) -> int:
    """How many whole frames a segment from before has, by their lengths alone."""
    position = count = 0
    while position + OLD_HEADER.size <= len(data):
        position += OLD_HEADER.size + OLD_HEADER.unpack_from(data, position)[0]
        count += position <= len(data)
    return count


def last_number(data: bytes) -> int:
    """The number of a segment's last whole frame; 0 where it has none."""
    position = last = 0
    while position < len(data):
        here = find(data, position, ended=True)
        last, position = here.number or last, here.end
    return last


def _old_checksum(payload: bytes) -> int:
    return crc32(payload, crc32(_pack_old_checked(len(payload))))


def _frame_at(data: bytes, position: int, numbered: bool) -> Found | None:
    header = HEADER if numbered else OLD_HEADER
    begin = position + header.size
    if begin > len(data):
        return None
    length, expected, *numbers = header.unpack_from(data, position)
    if begin + length > len(data) or (numbers and not numbers[0]):
        return None
    payload = data[begin : begin + length]
    found = crc32(payload, crc32(_pack_checked(length, numbers[0]))) if numbers else _old_checksum(payload)
    return Found("frame", begin + length, payload, *numbers) if found == expected else None


def _next_frame(data: bytes, position: int, numbered: bool) -> int | None:
    """Where the next frame begins. Text costs little: four letters make a length beyond any segment."""
    size = HEADER.size if numbered else OLD_HEADER.size
    candidate = position
    while candidate <= len(data) - size:
        if _frame_at(data, candidate, numbered) is not None:
            return candidate
        if not any(data[candidate : candidate + size]):
            # A hole of zeros, as a file has that was cut and written on: no header is all zeros.
            something = _NOT_ZERO.search(data, candidate + size)
            if something is None:
                return None
            candidate = max(candidate + 1, something.start() - size + 1)
        else:
            candidate += 1
    return None
