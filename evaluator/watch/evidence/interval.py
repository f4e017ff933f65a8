"""The change of a capability with an interval that holds at all times: for people, who want to see how much.

Nothing is decided by it. The estimate weighs units and pairs by their precision; the interval is the asymptotic
confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas ("Time-uniform central limit theory and
asymptotic confidence sequences", 2021, theorem 2.2), as wide for each capability as if it were looked at alone.
"""

from __future__ import annotations

from math import log, sqrt
from typing import Final, NamedTuple

from evaluator.watch.evidence.capability_fold import CapabilityFold

ALPHA: Final = 0.05
TIGHTEST_AT: Final = 1_000.0
"""Units and pairs at which the interval is as narrow as it can be beside one for a single look."""
_RHO_SQUARED: Final = (-2.0 * log(ALPHA) + log(-2.0 * log(ALPHA)) + 1.0) / TIGHTEST_AT


class Interval(NamedTuple):
    """The candidate's mean minus control's; minus is worse. Within [-1, 1]."""

    estimate: float
    low: float
    high: float


def change(fold: CapabilityFold) -> Interval | None:
    """The change of one capability; None before both arms, or a pair, have a score."""
    tally, past = fold.tally, fold.past
    control, candidate = tally.units
    parts: list[tuple[float, float]] = []
    if control and candidate:
        spread = past.control.variance / control + past.candidate.variance / candidate
        parts.append((tally.sums[1] / candidate - tally.sums[0] / control, spread))
    if tally.pairs:
        gap = tally.gap_sum / tally.pairs
        spread = max(past.second_moment - gap * gap, past.second_moment / past.pairs) / tally.pairs
        parts.append((-gap, spread))
    if not parts:
        return None
    precision = sum(1.0 / spread for _, spread in parts)
    estimate = sum(mean / spread for mean, spread in parts) / precision
    half = sqrt(1.0 / precision) * _widening(control + candidate + tally.pairs)
    return Interval(estimate, max(-1.0, estimate - half), min(1.0, estimate + half))


def _widening(count: int) -> float:
    """Standard errors on each side, after so many units and pairs."""
    t = count * _RHO_SQUARED
    return sqrt((t + 1.0) / t * log((t + 1.0) / ALPHA**2))
