"""Exemplars of a capability that has none: taken from its items, which then are items no more.

An exemplar teaches the tagger, and base's answer to it is rehearsed in training. An item is what an audit asks. One
prompt cannot be both: the tagger would be measured on what it was taught, and the audit on what was trained. So the
items taken are asked by nobody, in no split. Those of a cluster are not taken, since the passage that they share
would still be asked by the rest of the cluster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from evaluator.briefs.items import Item, normalised_prompt
from evaluator.verifiers.text import words

PART: Final = 5
"""One item in so many is taken."""
MOST: Final = 20
"""No more than this are taken: with 20 exemplars each the tagger leaves 1.5% of the shipped brief's items untagged."""


def borrowed(items: Sequence[Item]) -> tuple[Item, ...]:
    """The items whose prompts serve as exemplars: a fifth, 20 at most, one at least; none where only one could stay.

    The first is the one with the smallest digest; each further one shares the fewest words with those that are taken
    already (farthest first, by Jaccard's distance of their words). The order of the file decides nothing.
    """
    free = sorted((item for item in items if item.cluster is None), key=_digest)
    wanted = max(1, min(MOST, len(items) // PART))
    if not free or len(items) < 2:
        return ()
    said = {item.id: frozenset(words(item.prompt)) for item in free}
    taken = [free.pop(0)]
    nearest = {item.id: _distance(said[item.id], said[taken[0].id]) for item in free}
    while free and len(taken) < wanted:
        # The first of equals: they lie in the order of their digests.
        best = max(free, key=lambda item: nearest[item.id])
        free.remove(best)
        taken.append(best)
        for item in free:
            nearest[item.id] = min(nearest[item.id], _distance(said[item.id], said[best.id]))
    return tuple(taken)


def _distance(a: frozenset[str], b: frozenset[str]) -> float:
    every = len(a | b)
    return 1.0 - len(a & b) / every if every else 0.0


def _digest(item: Item) -> bytes:
    said = normalised_prompt(item.prompt).encode(errors="surrogatepass")
    return hashlib.blake2b(said, digest_size=16).digest()
