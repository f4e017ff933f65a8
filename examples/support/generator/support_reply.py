"""The target task: what support answers. Items use wordings that no training dialogue has."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from generator.intents import INTENTS, ITEMS, Intent, reply
from generator.shape import Dealt, Draft, distinct

_GREETINGS = ("", "Hi, ", "Hello, ", "Good morning, ")


def _draw(rng: random.Random, held_out: bool) -> Iterator[tuple[Intent, str]]:
    """Intents in turn, so that every count is split evenly between them; wording and slots by chance."""
    while True:
        for intent in INTENTS:
            wording = rng.choice(intent.held_out if held_out else intent.seen)
            greeting = rng.choice(_GREETINGS) if not wording.startswith("Hello") else ""
            yield intent, _joined(greeting, wording.format(item=rng.choice(ITEMS)))


def _joined(greeting: str, text: str) -> str:
    lower = text[0].lower() + text[1:] if greeting and not text.startswith("I ") else text
    return greeting + lower


def _draft(intent: Intent, prompt: str) -> Draft:
    return Draft(prompt, {"facts": [intent.fact], "desk": f"{intent.desk} desk"})


def held_out(rng: random.Random) -> Iterator[Draft]:
    """Tasks in the held-out wordings, without end."""
    return (_draft(*one) for one in _draw(rng, held_out=True))


def deal_target(rng: random.Random, audit: int, traffic: int, exemplars: int) -> Dealt:
    """Audit and traffic from the held-out wordings, exemplars from the seen ones."""
    asked = distinct(held_out(rng), audit + traffic)
    seen = distinct((_draft(*one) for one in _draw(rng, held_out=False)), exemplars)
    return Dealt(asked[:audit], asked[audit:], seen)


def dialogues(rng: random.Random, count: int) -> list[dict[str, Any]]:
    """Training dialogues of the seen wordings, each prompt once, shuffled."""
    replies: dict[str, str] = {}
    for intent, prompt in _draw(rng, held_out=False):
        replies.setdefault(prompt, reply(intent))
        if len(replies) == count:
            break
    made = [
        {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]}
        for prompt, answer in replies.items()
    ]
    rng.shuffle(made)
    return made
