"""The early warning: how the gold answers' negative log-likelihood changed. It moves first, and never decides.

The differences are unbounded, so the interval is an asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha,
Kennedy and Ramdas 2024, "Time-uniform central limit theory and asymptotic confidence sequences", theorem 2.2):

    mean +- s * sqrt( 2 (n r^2 + 1) / (n^2 r^2) * ln( sqrt(n r^2 + 1) / alpha ) )

It holds at all times together, approximately, from a few dozen items on. r is set for the narrowest interval at 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt
from typing import Final

import numpy as np

from evaluator.audit.result import NllChange
from evaluator.audit.state import Pair

ALPHA: Final = 0.05
FEWEST: Final = 10
"""With fewer items nothing is said: an approximation that is not one yet."""
_NARROWEST_AT: Final = 100


def nll_change(pairs: Sequence[Pair]) -> NllChange | None:
    """The change over the pairs in which both have one; None where those are fewer than `FEWEST`."""
    both = [(b.gold_nll, c.gold_nll) for b, c in pairs if b.gold_nll is not None and c.gold_nll is not None]
    if len(both) < FEWEST:
        return None
    base, candidate = np.array(both).T
    change = candidate - base
    mean, half = float(change.mean()), half_width(len(both), float(change.std(ddof=1)))
    return NllChange(
        n=len(both),
        base=float(base.mean()),
        candidate=float(candidate.mean()),
        change=mean,
        lower=mean - half,
        upper=mean + half,
    )


def half_width(n: int, deviation: float) -> float:
    """Half of the interval's width after `n` differences with this standard deviation."""
    r2 = (-2.0 * log(ALPHA) + log(-2.0 * log(ALPHA) + 1.0)) / _NARROWEST_AT
    return deviation * sqrt(2.0 * (n * r2 + 1.0) / (n * n * r2) * log(sqrt(n * r2 + 1.0) / ALPHA))
