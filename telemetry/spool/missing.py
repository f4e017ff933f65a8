"""What the spool's reader finds missing: the numbers between the records that it does find."""

from __future__ import annotations

import logging
from pathlib import Path

from telemetry.events import now
from telemetry.spool.folder import Segment
from telemetry.spool.losses import DROPPED, LOST, Ledger, Loss, without

log = logging.getLogger(__name__)


class Missing:
    """Follows the numbers that the reader meets. `expected` is the next, 0 where any would do.

    `torn` counts the half records that a dying writer left behind: nobody was told that they were written, and
    their number is given to the next. `lost` has what was written and is gone, the quota's part excepted, which is
    in `dropped`. Each loss is logged once, as an error.
    """

    def __init__(self, folder: Path, expected: int) -> None:
        self._folder = folder
        self.expected = expected
        self.torn = 0
        self.lost = Ledger(folder / LOST)
        self.dropped = Ledger(folder / DROPPED)
        self._last_segment = 0
        self._suspect: str | None = None
        self._torn = False

    def rewind(self, expected: int) -> None:
        """The reader went back to where this number is expected."""
        self.expected, self._suspect, self._torn = expected, None, False

    def frame(self, segment: int, number: int) -> None:
        """A whole record; `number` is 0 in segments from before records had numbers."""
        if number:
            if self.expected and number > self.expected:
                self._find(segment, self.expected, number - 1)
            elif self._torn:
                self.torn += 1
            self.expected = max(self.expected, number + 1)
        self._last_segment, self._suspect, self._torn = segment, None, False

    def damage(self, segment: Segment, what: str, *, torn: bool) -> None:
        """Bytes that are no record: what they were, the number of the next record says."""
        if segment.numbered:
            self._suspect = None if torn else what
            self._torn = torn
            self._last_segment = segment.number
        elif torn:
            self.torn += 1
        else:
            self._lose(1, 0, 0, segment.number, segment.number, what)

    def latest(self, count: int) -> list[Loss]:
        """The last few losses, those to the quota among them, newest last."""
        found = [*self.lost.losses, *self.dropped.losses]
        return sorted(found, key=lambda loss: loss.time)[-count:]

    def save(self) -> None:
        """Keep what was lost in the folder. Raises OSError."""
        self.lost.save()

    def _find(self, segment: int, first: int, last: int) -> None:
        """Numbers that did not come before this segment's: those which the quota took are known already."""
        self.dropped.read()
        before = self._last_segment or segment
        if self._suspect is not None:
            what, segment = self._suspect, before
        elif before == segment:
            what = "bytes before its end are gone"
        else:
            what = f"{before:012d} was cut, or segments after it are gone"
        for begin, end in without(first, last, self.dropped.losses):
            self._lose(end - begin + 1, begin, end, before, segment, what)

    def _lose(self, records: int, first: int, last: int, segment: int, until: int, what: str) -> None:
        loss = Loss(
            records=records,
            first=first,
            last=last,
            segment=segment,
            until=until,
            what=what,
            time=now().isoformat(),
        )
        if self.lost.add(loss):
            log.error("the spool %s lost %s", self._folder, loss)
