"""One arm's breaker as it stands, between those who ask the arm and `router.proxy.breaker`, which says what follows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from router.proxy.breaker import (
    CLOSED,
    Breaker,
    BreakerSettings,
    Event,
    Kind,
    Status,
    admits,
    speaks_against,
    transition,
)
from telemetry.events import Arm

log = logging.getLogger(__name__)


class Standing:
    """Whether an arm is asked. `opened` counts how often it was not, for a while."""

    __slots__ = ("_arm", "_breaker", "_clock", "_settings", "opened")

    def __init__(
        self, arm: Arm, settings: BreakerSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._arm, self._settings, self._clock = arm, settings, clock
        self._breaker: Breaker = CLOSED
        self.opened = 0

    @property
    def status(self) -> Status:
        """Where the breaker stands."""
        return self._breaker.status

    def admit(self) -> bool | None:
        """Whether the arm may be asked now: None where not, True for a probe. Who asks has to say what was `heard`."""
        before = self._breaker
        if before.status == "closed":  # nearly always
            return False
        self._breaker = transition(before, Event("ask", self._clock()), self._settings)
        if not admits(before, self._breaker):
            return None
        return self._breaker.probing

    def heard(self, reason: str | None, subject: str, *, probe: bool) -> None:
        """What became of a request that was admitted: it failed for this reason, or was answered (None).

        `abandoned` is a client that left. An arm that refuses what one client asks for has answered.
        """
        kind: Kind = "answered"
        if reason == "abandoned":
            kind = "given_up"
        elif reason is not None and speaks_against(reason):
            kind = "failed"
        before = self._breaker
        if kind == "answered" and before is CLOSED:
            return
        self._breaker = transition(before, Event(kind, self._clock(), subject, probe), self._settings)
        if self._breaker.status != before.status:
            self._tell(reason)

    def _tell(self, reason: str | None) -> None:
        now = self._breaker
        if now.status == "open":
            self.opened += 1
            log.warning(
                "the %s arm is not asked for %g s: it keeps failing (%s)",
                self._arm,
                now.open_s,
                reason,
            )
        else:
            log.info("the %s arm answers again and is asked as before", self._arm)
