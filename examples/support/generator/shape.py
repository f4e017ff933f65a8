"""What every task family gives: drafts, and how they are dealt out to the splits."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Draft(NamedTuple):
    """One task before it has an id: the prompt, and what a verifier needs to judge an answer to it."""

    prompt: str
    reference: Any


Source = Callable[[random.Random], Iterator[Draft]]


class Dealt(NamedTuple):
    """The tasks of one capability; no prompt stands in two of the three."""

    audit: list[Draft]
    traffic: list[Draft]
    exemplars: list[Draft]


def distinct(drafts: Iterator[Draft], count: int) -> list[Draft]:
    """The first `count` drafts with different prompts. ValueError where the source has fewer."""
    found: dict[str, Draft] = {}
    misses = 0
    for draft in drafts:
        misses = misses + 1 if draft.prompt in found else 0
        found.setdefault(draft.prompt, draft)
        if len(found) == count:
            return list(found.values())
        if misses > 5000:
            break
    raise ValueError(f"wanted {count} different prompts, the source has {len(found)}")


def deal(source: Source, rng: random.Random, audit: int, traffic: int, exemplars: int) -> Dealt:
    """Draw that many different tasks and deal them out by chance; nobody has seen a model's answer yet."""
    drafts = distinct(source(rng), audit + traffic + exemplars)
    rng.shuffle(drafts)
    return Dealt(drafts[:audit], drafts[audit : audit + traffic], drafts[audit + traffic :])


def with_further(dealt: Dealt, source: Source, rng: random.Random, audit: int) -> Dealt:
    """`dealt` with tasks of `source` that it lacks put behind its audit, until that has so many."""
    known = {draft.prompt for drafts in dealt for draft in drafts}
    fresh = (draft for draft in source(rng) if draft.prompt not in known)
    return dealt._replace(audit=dealt.audit + distinct(fresh, audit - len(dealt.audit)))


def endless(make: Callable[[random.Random], Draft]) -> Source:
    """A source that draws a fresh task for ever."""

    def source(rng: random.Random) -> Iterator[Draft]:
        while True:
            yield make(rng)

    return source


def finite(drafts: list[Draft]) -> Source:
    """A source that gives each of `drafts` once, in an order drawn by chance."""

    def source(rng: random.Random) -> Iterator[Draft]:
        yield from rng.sample(drafts, len(drafts))

    return source
