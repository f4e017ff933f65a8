"""General prompts that ship, for what nobody named: an assistant is asked more than a brief covers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from typing import Final

GENERAL: Final = "general"
"""What these prompts are called where others have the name of their capability."""


def shipped_prompts() -> list[str]:
    """All of them, so that the first n are spread evenly over the topics, and are among the first n + 1.

    The same for every seed: what base answered is not asked again for another one.
    """
    from evaluator.judge.tagging.general import general_prompts  # noqa: PLC0415 - brings scikit-learn, which only this needs

    return in_turn(general_prompts())


def in_turn(topics: Mapping[str, Sequence[str]]) -> list[str]:
    """The first prompt of each topic, topics by name, then the second of each that has one, and so on.

    >>> in_turn({"travel": ["Is Rome far?", "Is Oslo?"], "maths": ["Add 1 and 2."]})
    ['Add 1 and 2.', 'Is Rome far?', 'Is Oslo?']
    """
    rounds = zip_longest(*(topics[name] for name in sorted(topics)))
    return [prompt for prompt in chain.from_iterable(rounds) if prompt is not None]
