"""The paired difference: base and candidate on the same items, with bounds that hold at any number of items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from evaluator.bounds import lower_bound, upper_bound
from telemetry.events import Value

Verdict = Literal["pass", "fail", "inconclusive"]
Scores = Sequence[float | None]


class Diff(Value):
    """How far candidate is below base in one capability; `gap` = base - candidate, so a drop is positive.

    `n` counts all pairs; `unscored` those in which one side has no score: they are absent from means and gap,
    but not from the bounds, which hold whatever their scores would have been. P(true gap < lower) <= alpha_fail
    and P(true gap > upper) <= alpha_pass.
    """

    n: int
    unscored: int
    base_mean: float | None
    candidate_mean: float | None
    gap: float | None
    lower: float
    upper: float
    threshold: float
    alpha_fail: float
    alpha_pass: float
    verdict: Verdict


def paired_diff(
    base_scores: Scores,
    candidate_scores: Scores,
    threshold: float,
    alpha: float,
    *,
    alpha_pass: float | None = None,
) -> Diff:
    """Compare two lists of scores in [0, 1], item by item; None is an item that could not be scored.

    `alpha` bounds the error of `fail`, `alpha_pass` (by default the same) that of `pass`. `fail`: the drop is
    certainly beyond the threshold; `pass`: it certainly is not; else `inconclusive`. The bounds are those of
    `bounds` on (difference + 1) / 2.

    >>> same = [1.0, 1.0, 0.0, 1.0] * 25
    >>> paired_diff(same, same, threshold=0.1, alpha=0.01).verdict
    'pass'
    >>> paired_diff([1.0] * 20, [0.0] * 20, threshold=0.1, alpha=0.01).verdict
    'fail'
    >>> paired_diff([1.0] * 5, [1.0] * 5, threshold=0.1, alpha=0.01).verdict
    'inconclusive'
    """
    if len(base_scores) != len(candidate_scores):
        raise ValueError(
            f"pairs need as many scores on each side, got {len(base_scores)} and {len(candidate_scores)}"
        )
    alpha_pass = alpha if alpha_pass is None else alpha_pass
    pairs = list(zip(base_scores, candidate_scores, strict=True))
    scored = [(b, c) for b, c in pairs if b is not None and c is not None]
    # A score that nobody knows is taken as whatever speaks most against the claim that a bound makes.
    smallest = [_known(b, 0.0) - _known(c, 1.0) for b, c in pairs]
    largest = [_known(b, 1.0) - _known(c, 0.0) for b, c in pairs]
    lower = 2 * lower_bound([(d + 1) / 2 for d in smallest], alpha) - 1
    upper = 2 * upper_bound([(d + 1) / 2 for d in largest], alpha_pass) - 1
    return Diff(
        n=len(pairs),
        unscored=len(pairs) - len(scored),
        base_mean=_mean([b for b, _ in scored]),
        candidate_mean=_mean([c for _, c in scored]),
        gap=_mean([b - c for b, c in scored]),
        lower=lower,
        upper=upper,
        threshold=threshold,
        alpha_fail=alpha,
        alpha_pass=alpha_pass,
        verdict=verdict_of(lower, upper, threshold),
    )


def verdict_of(lower: float, upper: float, threshold: float) -> Verdict:
    """What an interval of the drop says about a threshold."""
    if lower > threshold:
        return "fail"
    return "pass" if upper < threshold else "inconclusive"


def _known(score: float | None, otherwise: float) -> float:
    return otherwise if score is None else score


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
