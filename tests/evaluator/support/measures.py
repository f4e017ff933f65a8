"""Measures and arms that are scripts, for the tests of the sequential audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.measures.measure import Measure, MeasureItem, ServedModel

Scores = Mapping[str, float | None]


@dataclass(frozen=True)
class Scripted:
    """A measure of which nothing but the items is real. With `size` > 1 neighbours share a cluster."""

    capability: str
    n: int = 1000
    name: str = "items"
    version: str = "1"
    threshold: float = 0.02
    chance: float = 0.0
    size: int = 1

    @property
    def items(self) -> tuple[MeasureItem, ...]:
        return tuple(
            MeasureItem(f"{self.capability}-{i}", None if self.size == 1 else f"passage {i // self.size}")
            for i in range(self.n)
        )

    def answer(self, model: ServedModel, ids: Sequence[str]) -> Sequence[ItemAnswer]:
        raise NotImplementedError("scripted arms answer by themselves")


@dataclass
class Arm:
    """An arm whose score of every item is known; it keeps the order in which it was asked."""

    scores: Scores
    order: list[str] = field(default_factory=list)
    reused: int = 0

    @property
    def asked(self) -> int:
        return len(self.order)

    def answers(self, measure: Measure, ids: Sequence[str]) -> list[ItemAnswer]:  # noqa: ARG002 -- an arm's shape
        self.order.extend(ids)
        return [
            ItemAnswer(item=i, prompt=f"{i}?", answer=f"{i}!", value=self.scores[i], reason="") for i in ids
        ]


def both_arms(
    measure: Measure, lost: float, gained: float, seed: int, base: float = 0.7
) -> tuple[Scores, Scores]:
    """Scores of base and candidate on every item: base is right with P = `base`; so many are lost, so many gained."""
    rng = np.random.default_rng(seed)
    ids = [item.id for item in measure.items]
    right = rng.random(len(ids)) < base
    changed = rng.random(len(ids)) < np.where(right, lost / base, gained / (1.0 - base))
    return (
        dict(zip(ids, right.astype(float).tolist(), strict=True)),
        dict(zip(ids, (right ^ changed).astype(float).tolist(), strict=True)),
    )
