"""Several tests under one error: Holm's step-down procedure (Holm 1979)."""

from __future__ import annotations

from collections.abc import Sequence


def holm_levels(p_values: Sequence[float], alpha: float) -> list[float]:
    """The level at which Holm tests each hypothesis; it is refused where its p-value is at most this level.

    Sorted, the smallest p-value of K is tested at alpha/K, the next at alpha/(K - 1), until one is not refused; it and
    all after it are tested at that last level. The chance of any false refusal is at most alpha, however the
    p-values depend on each other. With anytime-valid p-values that holds at every moment, and as they only fall,
    what is refused stays refused.

    >>> holm_levels([0.001, 0.2, 0.004], 0.01)
    [0.0033333333333333335, 0.01, 0.005]
    >>> holm_levels([0.004, 0.2, 0.004], 0.01)
    [0.0033333333333333335, 0.0033333333333333335, 0.0033333333333333335]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    levels = [0.0] * len(p_values)
    left = len(p_values)
    for index in order:
        levels[index] = alpha / left
        if p_values[index] <= levels[index]:
            left -= 1
    return levels
