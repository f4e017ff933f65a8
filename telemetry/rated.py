"""What may go wrong on every request is told at a bounded rate, with the count of what was not told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

EVERY_S: Final = 10.0


class Rated:
    """Logs an error at most every `every_s` seconds; how many were held back since then stands in the next line."""

    def __init__(
        self, log: logging.Logger, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._every_s = every_s
        self._clock = clock
        self._told_at: float | None = None
        self._held = 0

    def error(self, message: str, *arguments: object) -> None:
        """Log it, or count it."""
        now = self._clock()
        if self._told_at is not None and now - self._told_at < self._every_s:
            self._held += 1
            return
        if self._held:
            message += " (and %d more in %.0f s)"
            arguments = (*arguments, self._held, now - (self._told_at or 0.0))
        self._told_at, self._held = now, 0
        self._log.error(message, *arguments)
