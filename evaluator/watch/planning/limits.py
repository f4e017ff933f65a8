"""How much one unit or pair can tell at best: the limits that planner and benchmark measure against.

A test with false-alarm rate alpha needs at least log(1/alpha)/information units on average (Wald 1947), where
the information is the Kullback-Leibler divergence from the truth to the nearest null.
"""

from __future__ import annotations

from math import log

from scipy.optimize import minimize_scalar

_EDGE = 1e-9


def unpaired_information(base: float, drop: float, delta: float, pi: float) -> float:
    """Nats per unit for Bernoulli scores: min over q of (1-pi)*KL(base, q) + pi*KL(base - drop, q - delta).

    0 where the drop is within the threshold. `delta` may be negative; `drop` below it then tests promotion.
    """
    worse = base - drop
    low, high = max(delta, 0.0) + _EDGE, 1.0 + min(delta, 0.0) - _EDGE
    found = minimize_scalar(
        lambda q: (1.0 - pi) * _kl(base, q) + pi * _kl(worse, q - delta),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return float(found.fun) if drop > delta else 0.0


def pair_information(drop: float, discordant: float, delta: float) -> float:
    """Nats per pair of Bernoulli scores: max over lambda of E log(1 + lambda*(difference - delta)).

    `discordant` is P(the two scores differ); it is at least the drop.
    """
    if drop <= delta:
        return 0.0
    worse, better = (discordant + drop) / 2.0, (discordant - drop) / 2.0
    same = 1.0 - worse - better

    def loss(bet: float) -> float:
        growth = worse * log(1.0 + bet * (1.0 - delta)) + same * log(1.0 - bet * delta)
        return -(growth + (better * log(1.0 - bet * (1.0 + delta)) if better > 0.0 else 0.0))

    found = minimize_scalar(loss, bounds=(0.0, 1.0 / (1.0 + delta) - _EDGE), method="bounded")
    return -float(found.fun)


def promotion_information(base: float, margin: float, pi: float) -> float:
    """Nats per unit for proving that an equal candidate is not worse by `margin`."""
    return unpaired_information(1.0 - base, 0.0, -margin, pi)


def independent_discordance(base: float, drop: float) -> float:
    """P(scores differ) where the two arms' answers to a prompt are good or bad independently."""
    worse = base - drop
    return base * (1.0 - worse) + worse * (1.0 - base)


def _kl(p: float, q: float) -> float:
    total = 0.0
    if p > 0.0:
        total += p * log(p / q)
    if p < 1.0:
        total += (1.0 - p) * log((1.0 - p) / (1.0 - q))
    return total
