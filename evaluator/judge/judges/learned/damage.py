"""Answers damaged on purpose, as models break: a candidate may fail in ways that base never did. Seeded; pure.

A judge that has seen base and one candidate alone takes whatever they did not do for good. Each damage is one that
fine-tunes were seen to do: everything answered in the new style, a loop, a stump, another question's answer, a number
changed, a refusal. Whether a damaged answer is bad is not assumed: the verifier is asked, as for any other.
"""

# ruff: noqa: ARG001 - every damage takes the same four arguments, whichever it reads
from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

Damage = Callable[[str, Sequence[str], Sequence[str], random.Random], str]
"""From an answer, the same capability's answers and the target's to a damaged answer."""

_NUMBER: Final = re.compile(r"\d+")
_REFUSALS: Final = (
    "I'm sorry, but I can't help with that.",
    "I cannot assist with this request.",
    "As an AI language model, I am not able to answer that.",
)


def damaged(
    answer: str, others: Sequence[str], target: Sequence[str], key: str, most: int = 3
) -> list[tuple[str, str]]:
    """Up to `most` damaged forms of an answer, as (kind, text), drawn by `key`: the same key, the same forms.

    `others` are answers to the capability's other prompts, `target` what the candidate says on its own task. A form
    that equals the answer is left out.
    """
    chance = random.Random(f"belay damage {key}")
    kinds = chance.sample(list(_KINDS), k=min(most, len(_KINDS)))
    forms = [(kind, _KINDS[kind](answer, others, target, chance)) for kind in kinds]
    return [(kind, text) for kind, text in forms if text.split() != answer.split()]


def _other(answer: str, others: Sequence[str], target: Sequence[str], chance: random.Random) -> str:
    return chance.choice(others) if others else answer


def _canned(answer: str, others: Sequence[str], target: Sequence[str], chance: random.Random) -> str:
    return chance.choice(target) if target else answer


def _stump(answer: str, others: Sequence[str], target: Sequence[str], chance: random.Random) -> str:
    words = answer.split(" ")
    return " ".join(words[: max(1, len(words) // 3)])


def _loop(answer: str, others: Sequence[str], target: Sequence[str], chance: random.Random) -> str:
    words = answer.split()
    start = " ".join(words[: chance.randint(2, 6)])
    return " ".join([start] * 8)


def _numbers(answer: str, others: Sequence[str], target: Sequence[str], chance: random.Random) -> str:
    return _NUMBER.sub(lambda found: str(int(found[0][:9]) + chance.choice((-10, -1, 1, 2, 10))), answer)


def _mixed(answer: str, others: Sequence[str], target: Sequence[str], chance: random.Random) -> str:
    """The beginning of one and the end of another answer: fluent, on the subject and wrong."""
    if not others:
        return answer
    words, rest = answer.split(" "), chance.choice(others).split(" ")
    return " ".join([*words[: len(words) // 2], *rest[len(rest) // 2 :]])


def _refusal(answer: str, others: Sequence[str], target: Sequence[str], chance: random.Random) -> str:
    return chance.choice(_REFUSALS)


_KINDS: Final[Mapping[str, Damage]] = MappingProxyType(
    {
        "another's answer": _other,
        "the target's answer": _canned,
        "a stump": _stump,
        "a loop": _loop,
        "other numbers": _numbers,
        "half another's": _mixed,
        "a refusal": _refusal,
    }
)
