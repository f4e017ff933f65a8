"""How a judge has done lately: whether it answers, since when it does not, and whether to go on asking it. No clock."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Final

IN_A_ROW: Final = 4
"""Attempts that must fail without an answer in between: one that is lost says nothing of the next."""
PATIENCE_S: Final = 3.0
"""From the beginning of the first of them: a server that is started again, or busy for a moment, is waited for."""
REST_S: Final = 5.0
"""How long a judge that is away is left alone between two attempts, where it is never given up for good."""


class Standing:
    """What a client has seen of its judge since it last answered. Used by any number of threads.

    A judge is given up where it refuses everybody, or where `IN_A_ROW` attempts have failed over `PATIENCE_S`. How
    many conversations wait plays no part: a judge that is away is asked as often for a thousand as for eight.

    Whoever never gives up asks through `lets_in`: then too nobody waits for a judge that is away but the one who tries
    whether it is back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._began = 0.0
        self._for_all = False
        self._closed_until = 0.0
        self.since: datetime | None = None
        self.last = ""

    def answered(self) -> None:
        """The judge answered: whatever failed before is over."""
        with self._lock:
            self._in_a_row, self._for_all, self._closed_until, self.since = 0, False, 0.0, None

    def failed(
        self, began: float, at: datetime, reason: str, *, for_all: bool = False, ended: float | None = None
    ) -> None:
        """An attempt from `began` (monotonic, in seconds) to `at` failed; `for_all` where every other one will too.

        `ended` is `at` on the clock of `began`; None is `began`.
        """
        with self._lock:
            if self.since is None:
                self.since, self._began = at, began
            self._in_a_row += 1
            self._for_all |= for_all
            self._closed_until = (began if ended is None else ended) + REST_S
            self.last = reason

    def given_up(self, now: float) -> bool:
        """Whether to ask it no more."""
        with self._lock:
            return self._away(now)

    def lets_in(self, now: float, until: float) -> bool:
        """Whether to ask it at `now`, which takes to `until` at most: always, but for a judge that is away.

        That one is asked by one at a time, and not for `REST_S` after it failed.
        """
        with self._lock:
            if not self._away(now):
                return True
            if now < self._closed_until:
                return False
            self._closed_until = until + REST_S
            return True

    def _away(self, now: float) -> bool:
        return self._for_all or (self._in_a_row >= IN_A_ROW and now - self._began >= PATIENCE_S)
