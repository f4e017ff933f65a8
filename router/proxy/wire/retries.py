"""How many requests may be sent a second time: a part of all, so that an engine in trouble has no double load."""

from __future__ import annotations

from typing import Final

_FRACTION: Final = 0.1
_BURST: Final = 100.0
"""An engine that restarts closes many idle connections at a time, and each may cost a retry."""


class RetryBudget:
    """One engine's. `taken` and `refused` count the retries that there were, and that there were not."""

    __slots__ = ("_left", "refused", "taken")

    def __init__(self) -> None:
        self._left = _BURST
        self.taken = 0
        self.refused = 0

    def asked(self) -> None:
        """A request is sent for the first time."""
        if self._left < _BURST:
            self._left += _FRACTION

    def take(self) -> bool:
        """Whether one may be sent again."""
        if self._left < 1.0:
            self.refused += 1
            return False
        self._left -= 1.0
        self.taken += 1
        return True
