"""Signs of life of control's threads, and what they amount to: `ok`, `no_broker` or `dead`.

A thread that ended or hangs must not hide behind an HTTP server that answers: without it nothing rolls back by itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

log = logging.getLogger(__name__)

SILENT_S: Final = 60.0
"""A thread that has not gone round for so long is given up; a broker that hangs costs a round some 25 s."""

HealthStatus = Literal["ok", "no_broker", "dead"]


class Pulse:
    """The sign of life of one thread: the thread writes it, anybody reads it.

    `silent_s` is how long a round may take. `alarms` counts what should never happen and was survived,
    `buried` records that could not be used.
    """

    def __init__(
        self, name: str, silent_s: float = SILENT_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self.alarms = self.buried = 0
        self._silent_s, self._clock = silent_s, clock
        self._last = clock()
        self._away: str | None = None
        self._trouble: str | None = None
        self._ended: str | None = None

    def beat(self) -> None:
        """It has gone round."""
        self._last, self._away, self._trouble = self._clock(), None, None

    def away(self, why: str) -> None:
        """It cannot reach the broker, and tries on: that is a sign of life too."""
        self._last, self._away = self._clock(), why

    def trouble(self, why: str) -> None:
        """It could not go round and starts over. If that lasts, it is silent, and this says why."""
        self._away, self._trouble = None, why

    def alarm(self, what: str, error: BaseException) -> None:
        """Count, and log with the traceback."""
        self.alarms += 1
        log.error("%s: %s", self.name, what, exc_info=error)

    def guarded(self, work: Callable[[], None]) -> Callable[[], None]:
        """`work` as the target of a thread: however it ends, this pulse ends with it."""

        def guard() -> None:
            try:
                work()
            except BaseException as error:
                self._ended = f"{type(error).__name__}: {error}"
                self.alarm("its thread died", error)
                raise
            self._ended = "it was told to stop"

        return guard

    def dead(self) -> str | None:
        """Why it is given up, None where it lives."""
        if self._ended is not None:
            return f"{self.name} has ended: {self._ended}"
        silent_s = self._clock() - self._last
        if silent_s <= self._silent_s:
            return None
        return f"{self.name} has not gone round for {silent_s:.0f} s: {self._trouble or 'it hangs'}"

    def without_broker(self) -> str | None:
        """Why it cannot reach the broker, None where it can or needs none."""
        return f"{self.name}: {self._away}" if self._away is not None else None


class Health(NamedTuple):
    """`reasons` are empty where the status is `ok`; `alarms` are those since the start."""

    status: HealthStatus
    reasons: tuple[str, ...]
    alarms: int


def health(pulses: Sequence[Pulse]) -> Health:
    """What the signs of life amount to: one dead thread outweighs a broker that is away."""
    alarms = sum(pulse.alarms for pulse in pulses)
    if dead := tuple(filter(None, (pulse.dead() for pulse in pulses))):
        return Health("dead", dead, alarms)
    if away := tuple(filter(None, (pulse.without_broker() for pulse in pulses))):
        return Health("no_broker", away, alarms)
    return Health("ok", (), alarms)
