"""Whether a generated text says anything: nothing to learn, and nothing to ask, is in one that is empty or loops."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

RUN: Final = 4
"""Words in a row that a text may say twice; the third time it loops."""

_WORD = re.compile(r"\w+")


def degenerate(text: str) -> str | None:
    r"""Why the text is none, None where it is one.

    A text loops where the same four words in a row stand in it three times, overlapping or not.

    >>> degenerate("They won the game. They won the game. They won the game.")
    'repeats itself'
    >>> degenerate("no no no no no no")
    'repeats itself'
    >>> degenerate("1. Red\n2. Blue\n3. Green")
    """
    if not text.strip():
        return "empty"
    words = _WORD.findall(text.casefold())
    runs = Counter(tuple(words[first : first + RUN]) for first in range(len(words) - RUN + 1))
    return "repeats itself" if any(count > 2 for count in runs.values()) else None
