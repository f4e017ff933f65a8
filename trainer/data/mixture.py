"""Which examples each step takes from which source. Pure: the plan follows from shares, sizes and seed alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from telemetry.errors import UsageError


class Draw(NamedTuple):
    """One example: the number of its source in the mixture, and its own number within the source."""

    source: int
    number: int


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A source as the plan sees it: its name, its share of every batch, and how many examples it has."""

    name: str
    share: float
    examples: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """What training took from one source. `epochs` counts how often each example came, on average."""

    source: str
    share: float
    examples: int
    drawn: int
    epochs: float


class Mixture:
    """An endless sequence of draws: slot 0, 1, 2, ...; a batch of n takes n slots, one after another.

    Of the first k slots every source has its share to within one example, for every k: the schedule is
    Tijdeman's (1980), whose error is at most 1 - 1/(2m-2) with m sources. Within a source every example comes
    once before any comes again, in an order drawn anew for each epoch. Slot k is the same whatever was asked
    before, so a resumed run goes on with the batch at which it was stopped.

    >>> [draw.source for draw in Mixture([Ingredient("target", 0.75, 9), Ingredient("cot", 0.25, 9)], 7).take(8)]
    [0, 0, 1, 0, 0, 0, 1, 0]
    """

    def __init__(self, ingredients: Sequence[Ingredient], seed: int) -> None:
        """Raises UsageError where the shares do not add up to 1, or where a source has no example."""
        _check(ingredients)
        self.ingredients = tuple(ingredients)
        self._seed = seed
        self._schedule = schedule([one.share for one in ingredients])
        self._slots: list[tuple[int, int]] = []  # source, and how often it had come before
        self._taken = [0] * len(ingredients)
        self._orders: dict[tuple[int, int], list[int]] = {}

    def draw(self, slot: int) -> Draw:
        """The example of slot 0, 1, 2, ..."""
        while len(self._slots) <= slot:
            source = next(self._schedule)
            self._slots.append((source, self._taken[source]))
            self._taken[source] += 1
        source, before = self._slots[slot]
        epoch, place = divmod(before, self.ingredients[source].examples)
        return Draw(source, self._order(source, epoch)[place])

    def take(self, slots: int, first: int = 0) -> list[Draw]:
        """The draws of `slots` slots from `first` on."""
        return [self.draw(slot) for slot in range(first, first + slots)]

    def batch(self, step: int, batch_size: int) -> list[Draw]:
        """What step 0, 1, 2, ... takes when every step takes `batch_size`."""
        return self.take(batch_size, step * batch_size)

    def _order(self, source: int, epoch: int) -> list[int]:
        if (source, epoch) not in self._orders:
            one = self.ingredients[source]
            # By name, so that a source keeps its order when another is added before it.
            shuffler = random.Random(f"{self._seed}/{one.name}/{epoch}")
            self._orders[source, epoch] = shuffler.sample(range(one.examples), one.examples)
        return self._orders[source, epoch]


def schedule(shares: Sequence[float]) -> Iterator[int]:
    """Sources for slot after slot, without end: of the first k, source i has its share to within one.

    R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980): among the sources that may
    come without running ahead (s_i k - n_i >= 1/(2m-2)), the one that would fall behind soonest. Computed in
    fractions: rounding would let equal sources change places.
    """
    exact = [Fraction(str(share)) for share in shares]
    exact = [share / sum(exact) for share in exact]
    ahead = Fraction(1, max(2 * len(exact) - 2, 1))
    counts = [0] * len(exact)
    slot = 0
    while True:
        slot += 1
        owed = [share * slot - count for share, count in zip(exact, counts, strict=True)]
        may = [source for source, debt in enumerate(owed) if debt >= ahead]
        chosen = min(may, key=lambda source: (1 - ahead - owed[source]) / exact[source])
        counts[chosen] += 1
        yield chosen


def drawn(ingredients: Sequence[Ingredient], draws: Iterable[Draw]) -> list[Drawn]:
    """How much of each source was taken, for the manifest."""
    counts = Counter(draw.source for draw in draws)
    return [
        Drawn(one.name, one.share, one.examples, counts[number], round(counts[number] / one.examples, 4))
        for number, one in enumerate(ingredients)
    ]


def _check(ingredients: Sequence[Ingredient]) -> None:
    empty = [one.name for one in ingredients if one.examples < 1]
    if empty:
        raise UsageError(f"sources without an example: {', '.join(empty)}")
    names = [one.name for one in ingredients]
    if len(set(names)) != len(names):
        raise UsageError(f"two sources of one name among {', '.join(names)}")
    total = sum(one.share for one in ingredients)
    if abs(total - 1.0) > 1e-6 or any(one.share <= 0 for one in ingredients):
        each = ", ".join(f"{one.name} {one.share:g}" for one in ingredients)
        raise UsageError(f"shares above 0 that add up to 1 were expected, found {total:g}: {each}")
