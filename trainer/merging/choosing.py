"""Which weight between base and fine-tune to ship: the heaviest that keeps every capability.

Pure: what a weight does to the capabilities is asked through a callable. The more of the fine-tune, the more target
and the less of the rest, so the weights are searched by halving; should a capability not fall steadily, a heavier
weight may be missed, but the one that is chosen has itself been asked and found within every threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from trainer.merging.interpolation import THIRDS, Weights

Choice = TypeVar("Choice")
Fallen = Callable[
    [Weights], Collection[str]
]  # the capabilities that are over their thresholds at these weights


@dataclass(frozen=True, slots=True)
class Trial:
    """Weights that were asked, and the capabilities that were over their thresholds with them."""

    weights: Weights
    fallen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MergeChoice:
    """The weights to merge with, None where every one was over some threshold, and all that were asked, in order."""

    weights: Weights | None
    trials: tuple[Trial, ...]


def merge_search(weights: Sequence[float], fallen: Fallen, *, groups: bool = False) -> MergeChoice:
    """The heaviest common weight with which no capability has fallen.

    The heaviest is asked first. With `groups`, each third of the layers, the last one first, is then raised from
    the common weight as far as it goes while the others stay. No weights are asked twice.
    """
    trials: dict[Weights, Trial] = {}

    def keeps(asked: Weights) -> bool:
        if asked not in trials:
            trials[asked] = Trial(asked, tuple(sorted(fallen(asked))))
        return not trials[asked].fallen

    ladder = sorted(set(weights))
    step = _heaviest(ladder, lambda weight: keeps((weight,)))
    if step is None:
        return MergeChoice(None, tuple(trials.values()))
    chosen: Weights = (ladder[step],)
    if groups and step + 1 < len(ladder):
        chosen = _raised((ladder[step],) * THIRDS, ladder[step + 1 :], keeps)
    return MergeChoice(chosen, tuple(trials.values()))


def _raised(common: Weights, heavier: Sequence[float], keeps: Callable[[Weights], bool]) -> Weights:
    """The common weights with each third, from the last, raised as far as every capability is kept."""
    chosen = common
    for third in reversed(range(THIRDS)):
        choices = [(*chosen[:third], weight, *chosen[third + 1 :]) for weight in heavier]
        step = _heaviest(choices, keeps)
        if step is not None:
            chosen = choices[step]
    return chosen if chosen != common else common[:1]


def _heaviest(ladder: Sequence[Choice], keeps: Callable[[Choice], bool]) -> int | None:
    """The place of the last choice that keeps, of those that halving asks; None where none of these does."""
    if keeps(ladder[-1]):
        return len(ladder) - 1
    low, high = -1, len(ladder) - 1  # low keeps (or is none), high does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if keeps(ladder[middle]) else (low, middle)
    return low if low >= 0 else None
