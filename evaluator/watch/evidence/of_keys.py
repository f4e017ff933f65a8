"""How much one API key's traffic weighs, where a rollout bounds it (`most_of_key`): a part of every window.

A client names its own session, so whoever holds one key can be as many subjects as he likes (`repeats` bounds each of
them). Keys come from whoever runs the router. So of any `WINDOW` pairs of a capability that subjects have left to count
at most a part are one key's, and the same of its units, of the pairs that people graded, and of the units of the
guardrails; the others are set aside. A score without a key, as of a router that wants none, always counts.

What counts depends on the keys of this and of earlier scores, and on which of them were offered: on no value, and on
no arm but through what was settled before. The bets stay fair, and the subject of a unit that was set aside is met all
the same: it is drawn no second time. What they are about is the mean over traffic in which no key weighs more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from evaluator.watch.evidence.memory import hashed
from evaluator.watch.evidence.repeats import WINDOW, Repeats

Offered = Literal["pairs", "units", "grades", "guarded"]
OF_CAPABILITY: Final[tuple[Offered, ...]] = ("pairs", "units", "grades")
OF_GUARDRAILS: Final[tuple[Offered, ...]] = ("guarded",)
_ROUNDING: Final = 1e-9
"""0.29 * 100 is a little less than 29."""


def most_of(part: float) -> int:
    """How many of a window one key's may be.

    >>> most_of(0.29), most_of(0.015)
    (29, 1)
    """
    return max(1, int(part * WINDOW + _ROUNDING))


class KeyBound:
    """The keys that counted in the windows of what is offered; without a part nothing is bounded, nor remembered."""

    __slots__ = ("_most", "_windows")

    def __init__(self, part: float | None, offered: Sequence[Offered] = OF_CAPABILITY) -> None:
        self._most = WINDOW if part is None else most_of(part)
        self._windows = {} if part is None else {what: Repeats() for what in offered}

    def admits(self, what: Offered, key: str | None) -> bool:
        """Whether the next one counts, which came by this key. Call it once for each that is offered, in order."""
        window = self._windows.get(what)
        return window is None or window.admits(None if key is None else hashed(key), self._most)

    def to_dict(self) -> dict[str, str]:
        """The windows, for a snapshot."""
        return {what: window.to_text() for what, window in self._windows.items()}

    def restore(self, state: Mapping[str, str]) -> None:
        """Take up what `to_dict` wrote. Raises KeyError or ValueError for what it does not write."""
        self._windows = {what: Repeats.from_text(state[what]) for what in self._windows}
