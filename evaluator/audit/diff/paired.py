"""The sequential paired test: base and candidate on the same items, evidence after every draw. Pure.

x = base - candidate in [-1, 1] is the drop of one draw (an item, or the mean of a cluster). Two e-processes by
betting (`judges.betting.log_evidence`) look at the same draws, one against each claim's opposite:

    fail:  refuse "the mean drop is at most `fail_beyond`"    draws  x, mean  fail_beyond
    pass:  refuse "the mean drop is at least `pass_within`"   draws -x, mean -pass_within

With a judge that never errs both are the threshold; `judging.error` moves them apart. The same e-processes are a
confidence interval for the mean drop: fail is certain exactly where its lower bound lies beyond the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, log, log1p
from typing import NamedTuple

import numpy as np

from evaluator.judge.judges.betting import WEIGHTS, Floats, log_evidence, lower_bound, strongest


class Draw(NamedTuple):
    """The drop that one draw shows. Where a score is missing it lies anywhere from `smallest` to `largest`."""

    smallest: float
    largest: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """The log of the largest e-value so far against each claim's opposite; 0 is none, also where none was tested."""

    draws: int
    for_fail: float
    for_pass: float

    @property
    def p_fail(self) -> float:
        """Anytime-valid p-value of "the drop is within what is tolerated"."""
        return exp(-self.for_fail)

    @property
    def p_pass(self) -> float:
        """Anytime-valid p-value of "the drop is beyond what is tolerated"."""
        return exp(-self.for_pass)


def draw_of(pairs: Sequence[tuple[float | None, float | None]]) -> Draw:
    """One draw from the (base, candidate) scores of its items, each in [0, 1] or None: the mean of their drops.

    A score that nobody knows is taken, in each test, as whatever speaks most against the claim.

    >>> draw_of([(1.0, 0.0), (1.0, 1.0)])
    Draw(smallest=0.5, largest=0.5)
    >>> draw_of([(1.0, None)])
    Draw(smallest=0.0, largest=1.0)
    """
    smallest = sum(_known(b, 0.0) - _known(c, 1.0) for b, c in pairs)
    largest = sum(_known(b, 1.0) - _known(c, 0.0) for b, c in pairs)
    return Draw(smallest / len(pairs), largest / len(pairs))


def evidence_of(draws: Sequence[Draw] | Floats, fail_beyond: float, pass_within: float | None) -> Evidence:
    """What `draws`, in the order in which they were met, say. `pass_within` is None where no pass can be proved.

    Draws may come as an array of two columns too.

    >>> unchanged = evidence_of([Draw(0.0, 0.0)] * 300, fail_beyond=0.02, pass_within=0.02)
    >>> unchanged.p_pass < 0.01 < unchanged.p_fail
    True
    """
    smallest, largest = _columns(draws)
    return Evidence(
        draws=len(draws),
        for_fail=strongest(smallest, fail_beyond, -1.0),
        for_pass=0.0 if pass_within is None else strongest(-largest, -pass_within, -1.0),
    )


def interval_of(draws: Sequence[Draw] | Floats, alpha_fail: float, alpha_pass: float) -> tuple[float, float]:
    """Bounds on the mean drop, each of which holds at all times together.

    P(mean drop < first) <= `alpha_fail` and P(mean drop > second) <= `alpha_pass`.
    """
    smallest, largest = _columns(draws)
    return lower_bound(smallest, alpha_fail, -1.0, 1.0), -lower_bound(-largest, alpha_pass, -1.0, 1.0)


def pairs_to_pass(pass_within: float, alpha: float) -> int:
    """How many pairs without any difference make a pass certain at `alpha`.

    No test can do with fewer than ln(alpha)/ln(1 - pass_within): with n pairs a drop of `pass_within` that comes from
    lost ones alone has still the probability (1 - pass_within)**n of showing in none.

    >>> [pairs_to_pass(threshold, 0.01) for threshold in (0.05, 0.08, 0.1)]
    [110, 68, 54]
    """
    # The first gambler alone, whom an equal pair makes richest, is there with so many.
    enough = ceil(log(alpha * WEIGHTS[0]) / log1p(-pass_within)) + 1
    path = log_evidence(np.zeros(enough), -pass_within, -1.0)
    return int(np.argmax(path >= log(1.0 / alpha))) + 1


def _columns(draws: Sequence[Draw] | Floats) -> tuple[Floats, Floats]:
    both = np.asarray(draws, dtype=np.float64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _known(score: float | None, otherwise: float) -> float:
    return otherwise if score is None else score
