"""The order in which an audit meets a measure's items: random, seeded, the same for both arms and on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from evaluator.audit.measures.measure import MeasureItem


def ordered_draws(items: Sequence[MeasureItem], seed: int, measure: str) -> tuple[tuple[str, ...], ...]:
    """The ids of each draw, in the order in which draws are met: single items, and whole clusters.

    Draws are sorted by a hash of seed, measure and name, which is a random order that new items do not disturb:
    those that stay keep their place among each other, and so do their answers in the cache.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for item in items:
        name = ("item", item.id) if item.cluster is None else ("cluster", item.cluster)
        groups.setdefault(name, []).append(item.id)
    return tuple(
        tuple(groups[name]) for name in sorted(groups, key=lambda name: _place(seed, measure, *name))
    )


def _place(seed: int, *names: str) -> bytes:
    said = "\0".join((str(seed), *names))
    return hashlib.blake2b(said.encode(), digest_size=16).digest()
