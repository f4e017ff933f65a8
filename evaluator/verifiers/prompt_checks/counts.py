"""Small counts in a prompt, in digits or in words, and how they are meant."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from evaluator.verifiers.numbers import SMALL

_OF_WORD: Final = {word: value for word, value in SMALL.items() if value <= 50} | {
    "hundred": 100, "a hundred": 100, "one hundred": 100, "a dozen": 12,
    "a single": 1, "single": 1, "once": 1, "twice": 2,
}  # fmt: skip
COUNT: Final = rf"(\d{{1,4}}|{'|'.join(sorted(_OF_WORD, key=len, reverse=True))})"
"""A count, as the one group of a pattern."""

_BEFORE: Final = (
    ((r"(?:at least|no less than|no fewer than|not less than"
     r"|minimum(?: of)?|a minimum of|min\.?)"), "at least"),
    (r"(?:more than|over|above)", "more than"),
    ((r"(?:at most|no more than|not more than|maximum(?: of)?|a maximum of"
     r"|max\.?|up to|not exceed(?:ing)?|within)"), "at most"),
    (r"(?:less than|fewer than|under|below)", "less than"),
    (r"(?:exactly|just|only|precisely)", "exactly"),
    (r"(?:about|around|approximately|roughly)", "about"),
)  # fmt: skip
_AFTER: Final = (
    (r"(?:\+|or more|or longer|at (?:the )?(?:least|minimum)|and more)", "at least"),
    (r"(?:or less|or fewer|or shorter|at most|max(?:imum)?)", "at most"),
)
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = MappingProxyType(
    {
        "at least": operator.ge,
        "more than": operator.gt,
        "at most": operator.le,
        "less than": operator.lt,
        "exactly": operator.eq,
        "about": lambda have, want: abs(have - want) <= max(1.0, 0.25 * want),
    }
)
_RELATION: Final = "|".join(pattern for pattern, _ in _BEFORE)
_BEHIND: Final = "|".join(pattern for pattern, _ in _AFTER)


@dataclass(frozen=True, slots=True)
class Bound:
    """How many of something there shall be: the relation and the count."""

    relation: str
    count: int

    def met_by(self, have: int) -> bool:
        """Whether `have` of them do."""
        return _COMPARE[self.relation](have, self.count)

    def __str__(self) -> str:
        return f"{self.relation} {self.count}"


def count_of(text: str) -> int | None:
    """The value of a count that `COUNT` matched."""
    return int(text) if text.isdigit() else _OF_WORD.get(text.lower())


def bounds_of(prompt: str, noun: str, *, bare: str | None = "exactly") -> list[Bound]:
    """Every bound on how many of `noun` (a pattern) there shall be; `bare` is what a count without a relation means.

    >>> bounds_of("Use at most 20 words.", "words?"), bounds_of("A 300+ word summary", "words?")
    ([Bound(relation='at most', count=20)], [Bound(relation='at least', count=300)])
    """
    pattern = re.compile(
        rf"(?:(?<![\w])(?P<before>{_RELATION})\s+(?:the\s+)?)?(?<![\w.,-]){COUNT}(?P<behind>\s*(?:{_BEHIND})(?!\w))?[\s-]+(?:{noun})"
        rf"(?!\w)(?P<after>\s+(?:{_BEHIND})(?!\w))?",
        re.IGNORECASE,
    )
    found = []
    for one in pattern.finditer(prompt):
        relation = (
            _relation(one["before"], _BEFORE) or _relation(one["behind"] or one["after"], _AFTER) or bare
        )
        count = count_of(one[2])
        if relation is not None and count is not None:
            found.append(Bound(relation, count))
    return found


def _relation(text: str | None, table: tuple[tuple[str, str], ...]) -> str | None:
    if not text:
        return None
    return next((name for pattern, name in table if re.fullmatch(pattern, text.strip(), re.IGNORECASE)), None)
