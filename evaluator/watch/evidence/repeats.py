"""How much one subject's pairs weigh: a bounded part of the evidence, whatever part of the traffic they are.

A unit counts once a subject, so nobody can be many units. A pair needs no coin and could count every time; then one
session that repeats a prompt on which the candidate fails would be a drop, and one on which it shines would hide one.
So of any `WINDOW` pairs that a capability is offered at most `of_subject` of one subject count; the others are set
aside, unseen. A request of nobody in particular is known by its prompt alone, of which `OF_PROMPT` count: a probe that
asks the same again and again is one voice, and a question that many people ask still is five.

What counts depends on who asked and on what was offered before, never on an arm, an answer or a score: the bets stay
fair. What they are about is the mean over traffic in which nobody weighs more than that. Where one subject sends the
part a of a capability's pairs and the others come once in a window, k/(k + 100(1 - a)) of what counts is his. A larger
threshold bears more of him, and more of him makes drops that few, busy subjects feel easier to find. Clocks have no
part in it, and the memory is the window.
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from collections import Counter, deque
from typing import Final

import numpy as np

WINDOW: Final = 100
LARGEST_PART: Final = 0.6
"""Of a capability's pairs: up to it nobody reaches a threshold of 2.5 points or more by himself."""
OF_PROMPT: Final = 5
_NOBODY: Final = 0
_KEPT: Final = np.dtype(">u4")


def of_subject(threshold: float) -> int:
    """How many of a window's pairs may be one subject's: the most with k/(k + 100(1 - a)) < threshold, but one.

    The threshold is that of the test, which a judge's error may have moved.
    """
    others = WINDOW * (1.0 - LARGEST_PART)
    return (
        min(WINDOW, max(1, math.ceil(others * threshold / (1.0 - threshold)) - 1))
        if threshold < 1.0
        else WINDOW
    )


class Repeats:
    """What counted among the last `WINDOW` that were offered, by four bytes of a hash each."""

    __slots__ = ("_counted", "_last")

    def __init__(self) -> None:
        self._last: deque[int] = deque()
        self._counted: Counter[int] = Counter()

    def admits(self, who: int | None, most: int) -> bool:
        """Whether the next one, of the subject or prompt with this hash, counts. Call it once for each, in order.

        None is somebody of whom nothing is known; it always counts. Two hashes that agree in their last four bytes
        within one window, once in forty million, cost one pair.
        """
        if len(self._last) >= WINDOW:
            self._forget(self._last.popleft())
        key = _NOBODY if who is None else (who & 0xFFFFFFFF) or 1
        admitted = key == _NOBODY or self._counted[key] < most
        self._last.append(key if admitted else _NOBODY)
        if admitted and key != _NOBODY:
            self._counted[key] += 1
        return admitted

    def _forget(self, key: int) -> None:
        if key == _NOBODY:
            return
        self._counted[key] -= 1
        if not self._counted[key]:
            del self._counted[key]

    def to_text(self) -> str:
        """The window, for a snapshot; empty where nobody in it is known."""
        if not any(self._last):
            return f"{len(self._last)}"
        return b64encode(np.array(self._last, dtype=_KEPT).tobytes()).decode("ascii")

    @classmethod
    def from_text(cls, text: str) -> Repeats:
        """The window that `to_text` wrote. Raises ValueError for what it does not write."""
        new = cls()
        if text.isdecimal() and len(text) <= len(str(WINDOW)):
            keys = [_NOBODY] * int(text)
        else:
            keys = np.frombuffer(b64decode(text, validate=True), _KEPT).tolist()
        if len(keys) > WINDOW:
            raise ValueError(f"a window of {len(keys)}, expected at most {WINDOW}")
        new._last = deque(keys)
        new._counted = Counter(key for key in keys if key != _NOBODY)
        return new
