"""Base writes prompts itself: shown some of a capability, it goes on with one more."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from telemetry.events import Message
from trainer.rehearsing.base_answers import Asking
from trainer.rehearsing.degenerate import degenerate

SHOWN: Final = 5
"""Examples that base sees before it writes its own."""
ROUNDS: Final = 4
"""How often base is asked for what is still missing: greedy answers to other examples are seldom new."""

_MOST_SHOWN = 600  # words of examples in one talk: a small model's context is short
_FIRST = "Write one request that a user could send. Write the request only."
_NEXT = "Write another one."
_WORDS_TO_TOKENS = 4


class Prompt(NamedTuple):
    """What a user may ask, and the capability that the answer takes."""

    capability: str
    text: str


Refuse = Callable[[Prompt], str | None]
"""Why a prompt is not taken, None where it is. Asked once for each, in the order in which they came."""


def write_prompts(
    examples: Mapping[str, Sequence[str]], wanted: int, ask: Asking, refuse: Refuse, seed: int
) -> tuple[list[Prompt], Counter[tuple[str, str]]]:
    """Up to `wanted` new prompts of each capability, and how many were dropped by (capability, reason).

    Base sees examples as turns of a talk: the user asks for one more, and base's earlier answers are the examples;
    told to continue a list instead, a small model answers it. A prompt is well formed where it ended by itself, is
    about as long as the examples, and does not loop. `refuse` judges the rest. There may be fewer than `wanted`.
    """
    taken: list[Prompt] = []
    dropped: Counter[tuple[str, str]] = Counter()
    for number in range(ROUNDS):
        have = Counter(prompt.capability for prompt in taken)
        asked = [
            (name, _talk(shown, f"{seed}/{name}/{number}/{attempt}"))
            for name, shown in examples.items()
            for attempt in range(wanted - have[name])
        ]
        if not asked:
            break
        most = max(len(text.split()) for shown in examples.values() for text in shown)
        answers = ask([talk for _, talk in asked], _WORDS_TO_TOKENS * most)
        for (name, _), answer in zip(asked, answers, strict=True):
            prompt = Prompt(name, answer.text.strip())
            why = "cut off" if not answer.ended else _malformed(prompt.text, examples[name])
            why = why or refuse(prompt)
            if why is None:
                taken.append(prompt)
            else:
                dropped[name, why] += 1
    return taken, dropped


def _talk(examples: Sequence[str], seed: str) -> list[Message]:
    turns: list[Message] = []
    words = 0
    for example in random.Random(seed).sample(examples, min(SHOWN, len(examples))):
        words += len(example.split())
        if turns and words > _MOST_SHOWN:
            break
        turns += [_user(_NEXT if turns else _FIRST), Message(role="assistant", content=example)]
    return [*turns, _user(_NEXT)]


def _user(text: str) -> Message:
    return Message(role="user", content=text)


def _malformed(text: str, examples: Sequence[str]) -> str | None:
    lengths = [len(example.split()) for example in examples]
    if not 0.75 * min(lengths) <= len(text.split()) <= 1.5 * max(lengths):
        return "unlike the examples in length"
    return degenerate(text)
