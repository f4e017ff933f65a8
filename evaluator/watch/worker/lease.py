"""One decider at a time: of all workers of a group, the one that the broker gave the one partition of decisions.

Two that decide do no harm to decisions, which are the same bytes, but their snapshots would mix and neither would know.
The others stand by, and one of them goes on within a session's time when the first one dies.
"""

from __future__ import annotations

import time
from typing import Final, Self

from telemetry import topics
from telemetry.bus.protocols import Bus

GROUP: Final = "belay-decider"
ASK_EVERY_S: Final = 0.5
"""A member that never polls is thrown out of its group after minutes; what it reads is of no interest."""
JOIN_S: Final = 0.5
"""A join takes several requests, and one that is given up in between begins anew with the next poll."""


class Lease:
    """Membership in the group of deciders. Used by one thread; `close` it."""

    def __init__(self, bus: Bus) -> None:
        self._reader = bus.reader([topics.DECISIONS], group=GROUP, start="latest")
        self._asked = float("-inf")

    def held(self) -> bool:
        """Whether this one decides; takes up to `JOIN_S` where it does not. Raises BrokerUnavailable."""
        now = time.monotonic()
        if not self._reader.joined():
            self._reader.poll(JOIN_S)
        elif now - self._asked >= ASK_EVERY_S:
            self._reader.poll(0.0)
            self._asked = now
        return self._reader.joined()

    def close(self) -> None:
        """Let another one decide."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
