"""One timer for many waits: setting and cancelling one for every request costs more than looking now and then.

Whoever waits says until when; a timer that is due earlier anyway is left alone. When it is due everybody is asked, and
it is set to what is due next.
"""

from __future__ import annotations

import asyncio
import math
from typing import Final, Protocol

_LEAST_S: Final = 0.02
"""Between two looks: thousands that wait, each until a moment of its own, are not looked at one by one."""


class Waiting(Protocol):
    """One wait."""

    def look(self, now: float) -> float:
        """Do what is due by now; when something would be due next. `math.inf` where nothing will."""


class Lookout:
    """The waits of one event loop. `add` and `drop` cost a set's operation each."""

    __slots__ = ("_at", "_loop", "_timer", "_waiting")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: set[Waiting] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._at = math.inf

    def add(self, waiting: Waiting, due: float) -> None:
        """Look at it when `due` (the loop's time), or earlier. Again for one that is due earlier than it said."""
        self._waiting.add(waiting)
        if due < self._at:
            self._set(due)

    def drop(self, waiting: Waiting) -> None:
        """It waits no more."""
        self._waiting.discard(waiting)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._at = due
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        self._timer, self._at = None, math.inf
        following = min([waiting.look(now) for waiting in list(self._waiting)], default=math.inf)
        # Whoever it looked at may have added another meanwhile.
        if following < self._at:
            self._set(max(following, now + _LEAST_S))
