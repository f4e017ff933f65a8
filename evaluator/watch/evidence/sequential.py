"""Sequential evidence by betting: pure arithmetic on the past, without a clock, a disk or randomness.

A process starts at 1 and multiplies by factors whose expectation is at most 1 as long as the null holds, so
it is an e-process: the chance that it ever reaches 1/alpha is at most alpha (Ville 1939), however often one
looks. Scores are in [0, 1]; gap = E[control - candidate]; drop and threshold are positive numbers on [0, 1].

Sources: Turner, Ly and Gruenwald (2024), "Generic E-variables for exact sequential k-sample tests";
Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by betting"; Shiryaev (1963)
and Roberts (1966) for the form after the full rollout.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import frexp
from typing import Final

GRID: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
"""Drop beyond the threshold that each component bets on. The last two are for cliffs (drops of 30 to 90
points, which narrow fine-tuning does cause)."""
GRID_WEIGHTS: Final = (6.0 / 53, 10.0 / 53, 10.0 / 53, 12.0 / 53, 12.0 / 53, 2.0 / 53, 1.0 / 53)
"""Part of a capability's wealth that each component starts with (w_j). Chosen by simulation over drops of 3 to
60 points: against the five smaller components alike, 3% sooner on average and 40% sooner for a cliff."""
POOL_WEIGHTS: Final = (1.0 / 29, 2.0 / 29, 3.0 / 29, 5.0 / 29, 9.0 / 29, 6.0 / 29, 3.0 / 29)
"""The same for the broad pool (v_j), which leans to large drops: a cliff hits many capabilities at once."""
PROMOTION_SLACK: Final = (0.5, 1.0, 1.5)
"""Distance from the margin, in margins, that each component of the promotion test bets on."""
PROMOTION_WEIGHTS: Final = (0.25, 0.5, 0.25)
PSEUDO: Final = 10.0
"""Pseudo-counts behind every running moment: without them the first scores would set wild bets."""
PRIOR_MEAN: Final = 0.75
PRIOR_VARIANCE: Final = 0.1875
PRIOR_SECOND_MOMENT: Final = 0.2
CAP: Final = 0.9
"""Largest part of the wealth that one unit may cost, so that no single score ends a component."""
EDGE: Final = 0.005
SQRT_HALF: Final = 0.7071067811865476
LN2: Final = 0.6931471805599453
ODD_PARTS: Final = tuple(1.0 / odd for odd in range(21, 0, -2))
CEILING: Final = 1e300
"""Wealth is cut here. Cutting only loses evidence, and keeps every float finite (JSON has no infinity)."""


class Moments:
    """Running mean and variance of one arm's scores (Welford), shrunk to a prior by `PSEUDO` counts."""

    __slots__ = ("mean", "n", "squares")

    def __init__(self) -> None:
        self.n = PSEUDO
        self.mean = PRIOR_MEAN
        self.squares = PSEUDO * PRIOR_VARIANCE

    def add(self, y: float) -> None:
        """Take in one score."""
        self.n += 1.0
        off = y - self.mean
        self.mean += off / self.n
        self.squares += off * (y - self.mean)

    @property
    def variance(self) -> float:
        """The shrunk variance; never 0."""
        return self.squares / self.n


def unpaired_factors(
    pi: float,
    candidate: bool,
    y: float,
    delta: float,
    mean_a: float,
    var_a: float,
    var_b: float,
    grid: Sequence[float],
) -> list[float]:
    """Factors 1 + lambda_j * x of one unit whose arm was drawn with P(candidate) = pi, 0 < pi < 1.

    Tests gap <= delta. x is (y - m)/(1 - pi) for control and -(y - m + delta)/pi for the candidate, whose
    expectation over the draw is gap - delta for any centre m: m only sets the variance. The best centre is
    the control mean of the null that lies nearest to the alternative, mean_A - pi*g. lambda is g/(V + g^2),
    the growth-optimal bet to second order, cut where x could cost more than `CAP` of the wealth.

    The mirrored test (promotion) is this one with 1 - y, 1 - mean_A and delta = -margin. Scores lie in [0, 1].
    """
    low = max(delta, 0.0) + EDGE
    high = 1.0 - EDGE + min(delta, 0.0)
    rest = 1.0 - pi
    spread = var_a / rest + var_b / pi
    at_control = CAP * rest
    at_candidate = CAP * pi
    top = 1.0 + delta
    scale, shown = (-1.0 / pi, y + delta) if candidate else (1.0 / rest, y)
    factors = []
    for g in grid:
        m = mean_a - pi * g
        if m < low:
            m = low
        elif m > high:
            m = high
        bet = g / (spread + g * g)
        if bet * m > at_control:
            bet = at_control / m
        if bet * (top - m) > at_candidate:
            bet = at_candidate / (top - m)
        factors.append(1.0 + bet * (shown - m) * scale)
    return factors


def pair_factors(difference: float, delta: float, second_moment: float, grid: Sequence[float]) -> list[float]:
    """Factors of one prompt that both arms answered; `difference` is control's score minus the candidate's.

    x = difference - delta is at least -(1 + delta), which caps lambda. No randomisation is needed: x itself
    has expectation gap - delta.
    """
    x = difference - delta
    most = CAP / (1.0 + delta)
    return [1.0 + min(g / (second_moment + g * g), most) * x for g in grid]


def ln(x: float) -> float:
    """The natural logarithm of a positive number, by +, -, * and / alone.

    IEEE 754 fixes these to the last bit; the C library's logarithm differs there from machine to machine, and
    a decision that is replayed on another one must come out the same, byte for byte. With x = m * 2^e and
    z = (m - 1)/(m + 1), ln m = 2*(z + z^3/3 + z^5/5 + ...), whose 11th term is below 1e-18.
    """
    m, e = frexp(x)
    if m < SQRT_HALF:
        m *= 2.0
        e -= 1
    z = (m - 1.0) / (m + 1.0)
    s = z * z
    series = 0.0
    for odd in ODD_PARTS:
        series = series * s + odd
    return 2.0 * z * series + e * LN2


@functools.lru_cache(
    maxsize=4096
)  # capabilities and guardrails come to the same steps, close behind each other
def reserve_after(steps: int) -> float:
    """What is still held back for restarts after `steps` updates: .5 / (1 + ln(1 + t/500))."""
    return 0.5 / (1.0 + ln(1.0 + steps / 500.0))


class History:
    """What both tests of one capability know of its past: moments of each arm and of the pairs."""

    __slots__ = ("candidate", "control", "pair_squares", "pairs")

    def __init__(self) -> None:
        self.control = Moments()
        self.candidate = Moments()
        self.pairs = PSEUDO
        self.pair_squares = PSEUDO * PRIOR_SECOND_MOMENT

    @property
    def second_moment(self) -> float:
        """Shrunk second moment of the pairs' difference."""
        return self.pair_squares / self.pairs

    def add(self, candidate: bool, y: float) -> None:
        """Take in one score that is not part of a pair."""
        (self.candidate if candidate else self.control).add(y)

    def add_pair(self, control: float, candidate: float) -> None:
        """Take in both scores of one prompt."""
        self.control.add(control)
        self.candidate.add(candidate)
        self.pairs += 1.0
        self.pair_squares += (control - candidate) ** 2

    def to_list(self) -> list[float]:
        """Every number, for a snapshot."""
        a, b = self.control, self.candidate
        return [a.n, a.mean, a.squares, b.n, b.mean, b.squares, self.pairs, self.pair_squares]

    @classmethod
    def from_list(cls, numbers: Sequence[float]) -> History:
        """The history that `to_list` wrote."""
        new = cls()
        a, b = new.control, new.candidate
        a.n, a.mean, a.squares, b.n, b.mean, b.squares, new.pairs, new.pair_squares = numbers
        return new


class DropProcess:
    """E_k of one capability: evidence that the candidate is worse by more than the threshold.

    Half of the wealth bets from the start and half is held in reserve and paid in bit by bit, so that a drop
    that comes late finds fresh wealth (a mixture over start times; it costs 1 to 8% of samples):
    W_j <- (W_j + r_t*w_j) * (1 + lambda_j*x), E = sum W_j + reserve.
    """

    __slots__ = ("delta", "e_value", "grid", "reserve", "steps", "wealth", "weights")

    def __init__(
        self,
        delta: float,
        grid: Sequence[float] = GRID,
        weights: Sequence[float] = GRID_WEIGHTS,
    ) -> None:
        self.delta = delta
        self.grid = tuple(grid)
        self.weights = tuple(weights)
        self.wealth = [0.5 * w for w in self.weights]
        self.steps = 0
        self.reserve = 0.5
        self.e_value = 1.0

    def unpaired(self, past: History, pi: float, candidate: bool, y: float) -> list[float]:
        """Settle one unit, bets set by `past` only; returns the components' factors."""
        a = past.control
        b = past.candidate
        return self.multiply(
            unpaired_factors(
                pi,
                candidate,
                y,
                self.delta,
                a.mean,
                a.squares / a.n,
                b.squares / b.n,
                self.grid,
            )
        )

    def pair(self, past: History, difference: float) -> list[float]:
        """Settle one pair, bets set by `past` only; returns the components' factors."""
        return self.multiply(pair_factors(difference, self.delta, past.second_moment, self.grid))

    def multiply(self, factors: list[float]) -> list[float]:
        """Settle one unit or pair by its components' factors, each of expectation at most 1; returns them."""
        self.steps += 1
        reserve = reserve_after(self.steps)
        paid = self.reserve - reserve
        self.reserve = reserve
        self.wealth = [
            (w + paid * part) * f for w, part, f in zip(self.wealth, self.weights, factors, strict=True)
        ]
        total = sum(self.wealth) + reserve
        if total > CEILING:
            self.wealth = [min(w, CEILING / len(self.wealth)) for w in self.wealth]
            total = CEILING
        self.e_value = total
        return factors

    def to_list(self) -> list[float]:
        """Every number that changes, for a snapshot."""
        return [self.steps, self.reserve, self.e_value, *self.wealth]

    def restore(self, numbers: Sequence[float]) -> None:
        """Take up the numbers that `to_list` wrote."""
        self.steps, self.reserve, self.e_value = int(numbers[0]), float(numbers[1]), float(numbers[2])
        self.wealth = [float(w) for w in numbers[3:]]


class PromotionProcess:
    """The mirrored test: evidence that the candidate is *not* worse by `margin` or more.

    Plain mixture without restarts over true gaps of .5, 0 and -.5 margins (slack .5, 1 and 1.5 margins).
    `best` is the highest value so far: Ville's bound holds for the maximum, so what is reached stays reached.
    """

    __slots__ = ("best", "grid", "margin", "wealth")

    def __init__(self, margin: float) -> None:
        self.margin = margin
        self.grid = tuple(slack * margin for slack in PROMOTION_SLACK)
        self.wealth = list(PROMOTION_WEIGHTS)
        self.best = 1.0

    def unpaired(self, past: History, pi: float, candidate: bool, y: float) -> None:
        """Settle one unit, bets set by `past` only."""
        a = past.control
        b = past.candidate
        self._multiply(
            unpaired_factors(
                pi, candidate, 1.0 - y, -self.margin, 1.0 - a.mean, a.variance, b.variance, self.grid
            )
        )

    def pair(self, past: History, difference: float) -> None:
        """Settle one pair, bets set by `past` only."""
        self._multiply(pair_factors(-difference, -self.margin, past.second_moment, self.grid))

    def _multiply(self, factors: list[float]) -> None:
        self.wealth = [
            CEILING if (now := w * f) > CEILING else now for w, f in zip(self.wealth, factors, strict=True)
        ]
        self.best = max(self.best, sum(self.wealth))

    def to_list(self) -> list[float]:
        """Every number that changes, for a snapshot."""
        return [self.best, *self.wealth]

    def restore(self, numbers: Sequence[float]) -> None:
        """Take up the numbers that `to_list` wrote."""
        self.best = float(numbers[0])
        self.wealth = [float(w) for w in numbers[1:]]


class ShiryaevRoberts:
    """After the full rollout: W_j <- (W_j + w_j) * (1 + lambda_j*x); alarm once `statistic` is large.

    Every unit starts a fresh test, so a drop is found as fast after a year as on the first day. sum W minus
    the number of units is a martingale under the null, so that with the alarm at A a false one comes after
    A units on average, not before (Pollak 1985; Shin, Ramdas and Rinaldo 2024, "E-detectors").
    """

    __slots__ = ("statistic", "wealth", "weights")

    def __init__(self, weights: Sequence[float] = GRID_WEIGHTS) -> None:
        self.weights = tuple(weights)
        self.wealth = [0.0] * len(self.weights)
        self.statistic = 0.0

    def multiply(self, factors: Sequence[float]) -> None:
        """Take in the factors of one unit or pair, as `DropProcess` returned them."""
        self.wealth = [
            min((w + part) * f, CEILING)
            for w, part, f in zip(self.wealth, self.weights, factors, strict=True)
        ]
        self.statistic = sum(self.wealth)

    def restore(self, wealth: Sequence[float]) -> None:
        """Take up a snapshot's `wealth`."""
        self.wealth = [float(w) for w in wealth]
        self.statistic = sum(self.wealth)


class BroadPool:
    """sum_j v_j * prod_k Wpool_kj: plain products over several capabilities, for a drop spread over them.

    A target that improves would drown the product, so which capabilities take part is fixed at the start.
    """

    __slots__ = ("e_value", "wealth")

    def __init__(self, weights: Sequence[float] = POOL_WEIGHTS) -> None:
        self.wealth = list(weights)
        self.e_value = sum(self.wealth)

    def multiply(self, factors: Sequence[float]) -> None:
        """Take in the factors of one unit or pair."""
        self.wealth = [w * f for w, f in zip(self.wealth, factors, strict=True)]
        self.e_value = sum(self.wealth)
        if self.e_value > CEILING:
            self.wealth = [min(w, CEILING / len(self.wealth)) for w in self.wealth]
            self.e_value = CEILING

    def restore(self, wealth: Sequence[float]) -> None:
        """Take up a snapshot's `wealth`."""
        self.wealth = [float(w) for w in wealth]
        self.e_value = min(sum(self.wealth), CEILING)


def combine(weights: Sequence[float], e_values: Sequence[float], pooled: float) -> float:
    """M = .6*sum_k w_k*E_k + .2*prod_k(1 + w_k*(E_k - 1)) + .2*pooled (one bad, a few, a broad drop).

    Each term starts at 1 and is a martingale under the null (each unit moves one E_k only, and the product is
    linear in it), so M is one too, over all capabilities together. Weights sum to at most 1.
    """
    mean = 1.0
    product = 1.0
    for w, e in zip(weights, e_values, strict=True):
        won = w * (e - 1.0)
        mean += won
        product *= 1.0 + won
    return min(0.6 * mean + 0.2 * min(product, CEILING) + 0.2 * pooled, CEILING)
