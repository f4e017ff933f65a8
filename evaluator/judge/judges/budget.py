"""How often a judge may be asked in an hour. Pure; the clock is the caller's."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

HOUR_S: Final = 3600.0


class HourlyBudget:
    """At most `limit` requests in any hour, however they lie in it; any number where `limit` is None. Thread-safe.

    Whether there is budget left depends on when requests were made, never on what they were about.
    """

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._taken: deque[float] = deque()

    def take(self, now: float) -> bool:
        """Take one request at `now` (monotonic, in seconds), unless the hour before it is full."""
        with self._lock:
            if self._full(now):
                return False
            if self.limit is not None:
                self._taken.append(now)
            return True

    def full(self, now: float) -> bool:
        """Whether nothing is left at `now`."""
        with self._lock:
            return self._full(now)

    def _full(self, now: float) -> bool:
        while self._taken and self._taken[0] <= now - HOUR_S:
            self._taken.popleft()
        return self.limit is not None and len(self._taken) >= self.limit
