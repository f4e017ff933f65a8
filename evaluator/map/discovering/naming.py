"""Names for groups of prompts: the words that tell a group from all others, as a capability's id takes them."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

from evaluator.map.discovering.wording import tokens

OTHER_NAME: Final = "other"
_WORDS: Final = 2
_COMMON: Final = 0.1
"""A word that fewer of a group's prompts have tells little of the group, and may be somebody's name."""
_TOGETHER: Final = 0.95
_PLACEHOLDER: Final = re.compile(r"\[(?:email|iban|card|ip|phone|secret)\]")


class _Telling(NamedTuple):
    word: str
    score: float
    place: float


def names_of(prompts: Sequence[str], weights: Sequence[float], labels: Sequence[int]) -> list[str]:
    """One name for each group from 0 on: small letters, digits and `_`, a letter first, no name twice.

    A word's score is p * log(p / q), p and q its frequency by weight in the group and in all other prompts; of the two
    best, that which stands first in the prompts comes first. Letters are told in ASCII; a group whose words have none
    is called by its number.
    """
    said = [_words(prompt) for prompt in prompts]
    names: list[str] = []
    for group in range(max(labels, default=-1) + 1):
        names.append(_free(_telling(said, weights, labels, group), [*names, OTHER_NAME], group))
    return names


def _free(words: Sequence[str], taken: Sequence[str], group: int) -> str:
    wanted = "_".join(words[:_WORDS]) or f"group_{group + 1}"
    longer = ["_".join([*words[:_WORDS], word]) for word in words[_WORDS:]]
    numbered = (f"{wanted}_{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (wanted, *longer, *numbered) if name not in taken)


def _telling(
    said: Sequence[dict[str, int]], weights: Sequence[float], labels: Sequence[int], group: int
) -> list[str]:
    """The telling words of a group, the two best in the order in which prompts have them, then the next best."""
    inside: defaultdict[str, float] = defaultdict(float)
    outside: defaultdict[str, float] = defaultdict(float)
    places: defaultdict[str, float] = defaultdict(float)
    total = [0.0, 0.0]
    for words, weight, label in zip(said, weights, labels, strict=True):
        mine = label == group
        total[mine] += weight
        for word, place in words.items():
            (inside if mine else outside)[word] += weight
            if mine:
                places[word] += place * weight
    found = []
    for word, count in inside.items():
        p, q = count / max(total[1], 1e-12), (outside[word] + 0.5) / (total[0] + 1.0)
        if p >= _COMMON and p > q:
            found.append(_Telling(word, p * math.log(p / q), places[word] / count))
    ranked = sorted(found, key=lambda one: (-one.score, one.word))
    best = sorted(ranked[:_WORDS], key=lambda one: (one.place, one.word))
    return [one.word for one in (*best, *ranked[_WORDS : _WORDS + 3])]


def _words(prompt: str) -> dict[str, int]:
    """The words of a prompt in ASCII letters, each with the place where it stands first."""
    found: dict[str, int] = {}
    for place, token in enumerate(tokens(_PLACEHOLDER.sub(" ", prompt))):
        plain = unicodedata.normalize("NFKD", token).encode("ascii", "ignore").decode()
        if len(plain) > 1 and plain.isalpha() and len(plain) >= len(token):
            found.setdefault(plain[:24], place)
    return found
