"""What the spool's writer deletes where the quota leaves no room, and what that costs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final

from telemetry.events import now
from telemetry.spool.cursor import read_cursor
from telemetry.spool.folder import Segment, segments
from telemetry.spool.frames import HEADER, count_old_frames
from telemetry.spool.losses import Ledger, Loss

_WHAT: Final = "dropped by the quota"


def to_be_dropped(
    folder: Path, current: int, room_bytes: int, quota_bytes: int
) -> Iterator[tuple[Segment, Segment]]:
    """The oldest segments, each with the one after it, whose end lets `current` grow to `room_bytes`."""
    there = segments(folder)
    sizes = {segment.number: _size_of(segment.path) for segment in there if segment.number != current}
    excess = sum(sizes.values()) + room_bytes - quota_bytes
    for segment, following in pairwise(there):
        if excess <= 0 or segment.number == current:
            return
        yield segment, following
        excess -= sizes[segment.number]


def drop(folder: Path, segment: Segment, following: Segment, upcoming: int, ledger: Ledger) -> Loss | None:
    """Delete a segment and say what of it nobody had acknowledged, in the ledger too; None where all was.

    `upcoming` is the number of the next record to be written: where the segment after it is still empty, it ends
    there. The ledger is written before the segment is gone, so that its reader finds a reason for the hole.
    """
    cursor = read_cursor(folder)
    if segment.number < cursor.segment:
        segment.path.unlink(missing_ok=True)
        return None
    try:
        loss = (
            _numbered_loss(segment, following, upcoming, cursor.number, ledger) if segment.numbered else None
        )
        if not segment.numbered:
            acknowledged = cursor.records if segment.number == cursor.segment else 0
            count = count_old_frames(segment.path.read_bytes()) - acknowledged
            loss = _loss(segment, count) if count > 0 else None
    except FileNotFoundError:
        return None  # the reader was done with it and deleted it just now
    if loss is not None:
        ledger.add(loss)
        with suppress(OSError):  # a full disk: there is room once the segment is gone
            ledger.save()
    segment.path.unlink(missing_ok=True)
    ledger.save()
    return loss


def _numbered_loss(
    segment: Segment, following: Segment, upcoming: int, expected: int, ledger: Ledger
) -> Loss | None:
    before = max((loss.last for loss in ledger.losses), default=0)
    first = max(_first_number(segment.path, upcoming), expected, before + 1, 1)
    last = (_first_number(following.path, upcoming) or upcoming) - 1
    return _loss(segment, last - first + 1, first, last) if first <= last else None


def _loss(segment: Segment, count: int, first: int = 0, last: int = 0) -> Loss:
    return Loss(
        records=count,
        first=first,
        last=last,
        segment=segment.number,
        until=segment.number,
        what=_WHAT,
        time=now().isoformat(),
    )


def _first_number(path: Path, upcoming: int) -> int:
    """The number in a segment's first header; 0 where it has none that can be."""
    with path.open("rb") as file:
        head = file.read(HEADER.size)
    number = int(HEADER.unpack(head)[2]) if len(head) == HEADER.size else 0
    return number if number < upcoming else 0


def _size_of(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - a call a segment
    except FileNotFoundError:
        return 0
