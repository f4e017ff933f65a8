"""What share of the queries each capability has: an interval that knows of subjects, a correction of tags that err.

**Interval.** Queries of one subject are alike, so n queries say less than n draws. With n_i queries of subject i,
x_i of them in the capability, p = sum x_i / sum n_i, and S subjects, the variance of p by linearisation is

    V = S/(S-1) * sum_i (x_i - p*n_i)^2 / (sum_i n_i)^2

(Cochran, "Sampling Techniques", 1977, section 9: the ratio of cluster totals.) It is turned into the number of
independent draws that would have this variance, n* = p(1-p)/V, reduced by the squared ratio of the t quantiles at
n-1 and at S-1 degrees, never above n; the interval is Clopper and Pearson's at n*. (Korn and Graubard, "Confidence
intervals for proportions with small expected number of positive counts estimated from survey data", Survey
Methodology 24(2), 1998.) Where p is 0 or 1, V is 0 and says nothing: then n* is (sum n_i)^2 / sum n_i^2, the number
of subjects that count (Kish). One subject alone tells nothing: the interval is 0 to 1.

**Correction.** q_c is the fraction of queries tagged c (one c stands for untagged), m_jc the probability that the
tagger, held out, tags a query of capability j as c. The shares p_j that explain q best maximise
sum_c q_c log sum_j p_j m_jc; EM climbs there: p_j <- p_j * sum_c q_c m_jc / sum_i p_i m_ic (Vardi and Lee, "From
image deblurring to optimal investments", JRSS-B 55(3), 1993). A last class, "none of these", is always untagged:
**an assumption**, since nobody taught the tagger what no capability is. The interval is the middle 95% of the
corrections of draws from what is not known: q from a Dirichlet at n*, each row of m from a Dirichlet at its counts,
each with one pseudo-count in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, t

from telemetry.events import Value

CONFIDENCE: Final = 0.95
SEED: Final = 20240613
_DRAWS: Final = 1000
_STEPS: Final = 300

Floats = NDArray[np.float64]


class Estimate(Value):
    """A share with its interval at `CONFIDENCE`."""

    share: float
    low: float
    high: float


class Clustered(NamedTuple):
    """One share, and how many independent draws would know it as well."""

    share: float
    draws: float

    @property
    def estimate(self) -> Estimate:
        """The share with Clopper and Pearson's interval at that many draws.

        >>> round(Clustered(0.0, 100.0).estimate.high, 3)
        0.036
        """
        hits, misses, tail = self.share * self.draws, (1 - self.share) * self.draws, (1 - CONFIDENCE) / 2
        low = float(beta.ppf(tail, hits, misses + 1)) if hits > 0 else 0.0
        high = float(beta.ppf(1 - tail, hits + 1, misses)) if misses > 0 else 1.0
        return Estimate(share=self.share, low=low, high=high)


def clustered(hits: Sequence[int], queries: Sequence[int]) -> Clustered:
    """The share of hits; both arguments are by subject. Without queries, and with one subject, 0 draws.

    >>> clustered([1, 0, 1, 0], [1, 1, 1, 1]).share
    0.5
    """
    x, n = np.asarray(hits, dtype=np.float64), np.asarray(queries, dtype=np.float64)
    total, subjects = float(n.sum()), int((n > 0).sum())
    if total == 0.0:
        return Clustered(0.0, 0.0)
    p = float(x.sum()) / total
    if subjects < 2:
        return Clustered(p, 0.0)
    if p in (0.0, 1.0):
        return Clustered(p, total**2 / float((n**2).sum()))
    variance = subjects / (subjects - 1) * float(((x - p * n) ** 2).sum()) / total**2
    tail = 1 - (1 - CONFIDENCE) / 2
    thinner = float(t.ppf(tail, total - 1) / t.ppf(tail, subjects - 1)) ** 2
    draws = p * (1 - p) / variance * thinner if variance > 0 else total
    return Clustered(p, min(draws, total))


class Corrected(NamedTuple):
    """Each capability's share of the queries that some capability covers, and the share that none covers."""

    capabilities: list[Estimate]
    elsewhere: Estimate


def corrected(tagged: Sequence[float], draws: float, confusion: Sequence[Sequence[int]]) -> Corrected:
    """The shares behind the tags; one capability for each row of `confusion`.

    `tagged` are fractions that add up to 1, the untagged last, known as well as from `draws` independent draws.
    `confusion` counts held-out tags: a row for each capability, a column for each tag in the order of `tagged`.
    """
    q, counts = np.asarray(tagged, dtype=np.float64), np.asarray(confusion, dtype=np.float64)
    point = _unmixed(q[None], _with_none((counts / counts.sum(axis=1, keepdims=True))[None]))
    random = np.random.default_rng(SEED)
    prior = 1.0 / q.size
    drawn_q = random.dirichlet(draws * q + prior, size=_DRAWS)
    rows = np.stack([random.dirichlet(row + prior, size=_DRAWS) for row in counts], axis=1)
    drawn = _unmixed(drawn_q, _with_none(rows))
    return Corrected(
        [_middle(a, b) for a, b in zip(_covered(point)[0], _covered(drawn).T, strict=True)],
        _middle(point[0, -1], drawn[:, -1]),
    )


def _covered(p: Floats) -> Floats:
    """The capabilities' shares without what none of them covers; nothing is known where that is all."""
    covered = p[:, :-1].sum(axis=1, keepdims=True)
    shares: Floats = np.divide(p[:, :-1], covered, out=np.zeros_like(p[:, :-1]), where=covered > 0)
    return shares


def _middle(point: np.float64, drawn: Floats) -> Estimate:
    """The point with the middle of the draws; at the edge of what is possible it lies below all of them."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(share=float(point), low=float(min(point, low)), high=float(max(point, high)))


def _with_none(rows: Floats) -> Floats:
    """The rows, and one for what belongs to no capability: always untagged."""
    none = np.zeros((rows.shape[0], 1, rows.shape[2]))
    none[:, :, -1] = 1.0
    return np.concatenate([rows, none], axis=1)


def _unmixed(q: Floats, m: Floats) -> Floats:
    """The likeliest shares of each problem: q is problems x tags, m is problems x classes x tags."""
    p = np.full(m.shape[:2], 1.0 / m.shape[1])
    for _ in range(_STEPS):
        explained = np.einsum("bj,bjc->bc", p, m)
        ratio = np.divide(q, explained, out=np.zeros_like(q), where=explained > 0)
        p = p * np.einsum("bjc,bc->bj", m, ratio)
        # What no class explains drops out of the sum.
        p /= p.sum(axis=1, keepdims=True)
    return p


def effective_classes(shares: Sequence[float]) -> float:
    """How many equally large capabilities would be as broad: exp of the entropy (Hill, Ecology 54(2), 1973).

    >>> round(effective_classes([0.25] * 4), 2), round(effective_classes([0.97, 0.01, 0.01, 0.01]), 2)
    (4.0, 1.18)
    """
    p = np.asarray([share for share in shares if share > 0], dtype=np.float64)
    p = p / p.sum()
    return float(np.exp(-(p * np.log(p)).sum()))
