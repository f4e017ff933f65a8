"""Where base is too weak for a drop to be seen: at the floor."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Final

from scipy.stats import binomtest

from evaluator.judge.judges.betting import strongest

FLOOR_ALPHA: Final = 0.05
"""A base whose advantage over chance could be luck with more than this probability is at the floor."""


def at_floor(values: Sequence[float], chance: float, threshold: float, *, whole: bool = True) -> str | None:
    """Why a drop cannot be seen from these scores of base, or None where it can.

    Base is at the floor where its mean is not above chance at `FLOOR_ALPHA`, or where falling all the way to chance
    would not exceed the threshold. Where all items were asked (`whole`) and every score is 0 or 1 the test is the exact
    binomial one; else it is betting, which may be looked at after every answer. No scores say nothing, not even this:
    what has none is not measured (`measures.unscored`).
    """
    if not values:
        return None
    mean = sum(values) / len(values)
    luck = _p_above(values, chance, whole=whole)
    if luck > FLOOR_ALPHA:
        return f"base scores {mean:.0%}, not above chance ({chance:.0%}): p = {luck:.2f}"
    if mean - chance <= threshold:
        return f"base scores {mean:.0%}: falling to chance ({chance:.0%}) is within the threshold ({threshold:.0%})"
    return None


def _p_above(values: Sequence[float], chance: float, *, whole: bool) -> float:
    """P-value of "the mean is at most `chance`"."""
    if whole and all(value in (0.0, 1.0) for value in values):
        return float(binomtest(round(sum(values)), len(values), chance, alternative="greater").pvalue)
    # A mean of 0 is refuted by any score above 0; the bet against it would have an infinite price.
    return exp(-strongest(values, max(chance, 1e-6), 0.0))
