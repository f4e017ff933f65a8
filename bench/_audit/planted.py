"""A regression of known size: the real model behind a layer that spoils a seeded part of its right answers.

The candidate of the benchmark is base itself, really asked; of its scored answers the layer turns right ones into
wrong ones, and a few the other way, by a hash of seed, set and item:

    P(right -> wrong) = (drop + churn) / p        P(wrong -> right) = churn / (1 - p)        p: base's accuracy

so that the expected drop is `drop`, and base and candidate differ in 2 * churn of the items beside it, as two real
models of the same quality do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluator.audit.asking.answering import Answers
from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.measures.measure import Measure


@dataclass(frozen=True, slots=True)
class Plant:
    """What is done to one set. `accuracy` is what base scores on the whole of it."""

    set_name: str
    drop: float
    churn: float
    seed: int
    accuracy: float

    @property
    def possible(self) -> bool:
        """Whether base has as many right (and wrong) answers as are to be turned."""
        return self.drop + self.churn <= self.accuracy and self.churn <= 1.0 - self.accuracy

    def changed(self, item: str, value: float) -> float:
        """What the candidate scores on an item that the model behind it scored `value`, which is 0 or 1."""
        if value not in (0.0, 1.0):
            raise ValueError(f"{item} of {self.set_name} has the score {value}, expected 0 or 1")
        rate = (self.drop + self.churn) / self.accuracy if value else self.churn / (1.0 - self.accuracy)
        return 1.0 - value if self._uniform(item) < rate else value

    def _uniform(self, item: str) -> float:
        said = f"{self.seed}\0{self.set_name}\0{self.drop}\0{self.churn}\0{item}".encode()
        return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big") / 2**64


class PlantedAnswers:
    """An arm of an audit whose answers to each measure are spoiled as `plants` (by the measure's name) says."""

    def __init__(self, model: Answers, plants: Mapping[str, Plant]) -> None:
        self._model, self._plants = model, plants

    @property
    def asked(self) -> int:
        """Items that the model answered."""
        return self._model.asked

    @property
    def reused(self) -> int:
        """Items that were known."""
        return self._model.reused

    def answers(self, measure: Measure, ids: Sequence[str]) -> list[ItemAnswer]:
        """The model's answers, some of them spoiled."""
        plant = self._plants[measure.name]
        return [
            a if a.value is None else a.model_copy(update={"value": plant.changed(a.item, a.value)})
            for a in self._model.answers(measure, ids)
        ]
