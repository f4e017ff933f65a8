"""What became of the answers of each arm, and how long they took: counted as the record is written.

It is on the way of every request, so it counts and no more; `told` is for the status, whose numbers several workers
add up, and `metrics` makes histograms of that.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from telemetry.buckets import Buckets
from telemetry.events import CUT_BY_ROUTER, Arm

if TYPE_CHECKING:  # it is counted on its way into the spool
    from router.proxy.capture import Heard

ARMS: Final[tuple[Arm, ...]] = ("control", "candidate")
OUTCOMES: Final = ("complete", "refused", "client_error", "server_error", "failed", "client_left", "cut")
_DONE: Final = frozenset({"complete", "refused"})
_TAIL_CHUNKS: Final = 4
_TAIL_BYTES: Final = 4096
"""An engine says at the end of an answer why it ended; in the answer's own text quotes are escaped."""
_REFUSED: Final = re.compile(rb'"finish_reason"\s*:\s*"content_filter"')


def outcome_of(heard: Heard, *, left: bool) -> str:
    """One of `OUTCOMES`. Pure.

    `refused` is an answer that the engine's filter ended, `failed` one that was cut, or that nobody gave; `cut` is the
    router's own doing.
    """
    if left:
        return "client_left"
    if heard.error is not None:
        return "cut" if heard.error == CUT_BY_ROUTER else "failed"
    if heard.status >= 400:
        return "server_error" if heard.status >= 500 else "client_error"
    tail = b"".join(heard.chunks[-_TAIL_CHUNKS:])[-_TAIL_BYTES:]
    return "refused" if _REFUSED.search(tail) else "complete"


class Outcomes:
    """The counts of one arm. Used by the router's loop."""

    __slots__ = ("ended", "first_byte", "total")

    def __init__(self) -> None:
        self.ended: Counter[str] = Counter()
        self.first_byte = Buckets()
        self.total = Buckets()

    def count(self, heard: Heard, *, left: bool, found_by: str | None = None) -> None:
        """Count an answer that has ended. How long all of it took counts where there is all of it.

        `found_by` is the id of its trace, where one is kept: the example of its bucket until the next.
        """
        outcome = outcome_of(heard, left=left)
        self.ended[outcome] += 1
        if heard.first_byte_ms is not None:
            self.first_byte.see(heard.first_byte_ms / 1000.0, found_by)
        if outcome in _DONE:
            self.total.see(heard.total_ms / 1000.0, found_by)

    def told(self) -> dict[str, Any]:
        """Whole numbers alone, but for the examples of buckets."""
        return {
            "ended": {outcome: self.ended[outcome] for outcome in OUTCOMES},
            "first_byte": self.first_byte.told(),
            "total": self.total.told(),
        }
