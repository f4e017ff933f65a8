"""How much the forwarder sends at once, and how long it waits for the acknowledgement.

A batch that did not get through in its time is cut in half and the next one is given twice the time, down to single
records: whatever the link carries in the longest time gets through, and nothing blocks what is behind it.
"""

from __future__ import annotations

from typing import Final

LONGEST_S: Final = 60.0
"""What one record may take: 1 MB at 17 kB a second."""


class Pace:
    """`bytes` bounds the next batch, which has one record at least; `flush_s` is the time it has."""

    def __init__(self, most_bytes: int, flush_s: float) -> None:
        self._most, self._first_s = most_bytes, flush_s
        self.bytes = most_bytes
        self.flush_s = flush_s

    def failed(self, batch_bytes: int) -> None:
        """A batch of so many bytes did not get through in its time."""
        self.bytes = max(1, min(self.bytes, batch_bytes) // 2)
        self.flush_s = max(self._first_s, min(LONGEST_S, self.flush_s * 2))

    def succeeded(self) -> None:
        """One got through: larger ones may."""
        self.bytes = min(self._most, self.bytes * 2)
        # The time stays until batches are whole again: the link is no faster because a small one passed.
        if self.bytes == self._most:
            self.flush_s = max(self._first_s, self.flush_s / 2)
