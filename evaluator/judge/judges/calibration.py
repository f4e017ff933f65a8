"""How far a judge's gap between the arms may lie from the true one, from pairs of which both are known.

For a judge whose scores are graded, sensitivity and specificity do not exist (`error` is for yes and no). What the
evidence needs are two numbers: a candidate at the boundary (true gap = delta) shows a judged gap of at most
delta + shift_high, and one that has lost the margin shows at least margin - hidden_high. Both are upper confidence
bounds of a mean, by betting (Waudby-Smith and Ramdas 2024, `betting.lower_bound`), for which no shape of the errors
is assumed. They hold for pairs like those of the calibration: a candidate that breaks in a way that none of its
answers shows is not covered, which is why the calibration has to contain damaged answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.judge.judges.betting import lower_bound
from telemetry.errors import UsageError

WIDEST = 2.0
"""Both gaps lie in [-1, 1], so that one differs from the other by 2 at most."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a judge's gaps (control minus candidate, scores in [0, 1]) may add to the true gap, and hide of it.

    `shift_high` bounds E[judged gap - true gap] from above, `hidden_high` bounds E[true gap - judged gap]; both are
    at least 0. `labels` is the number of gold pairs behind them.
    """

    shift_high: float
    hidden_high: float
    labels: int


def calibrate_pairs(judged: Sequence[float], true: Sequence[float], confidence: float = 0.95) -> Calibration:
    """The calibration that gold pairs give: `judged[n]` and `true[n]` are one pair's gaps, control - candidate.

    Both bounds hold together with `confidence`, each with half of what is left. Without pairs nothing is known, and
    both are 2. Pairs are taken in the order given, which must not depend on their errors. Raises UsageError for
    sequences of different length, and for gaps outside [-1, 1].
    """
    if len(judged) != len(true):
        raise UsageError(
            f"a calibration needs both gaps of each pair, got {len(judged)} judged, {len(true)} true"
        )
    if not all(-1.0 <= gap <= 1.0 for gap in (*judged, *true)):
        raise UsageError("gaps of scores lie in [-1, 1]", hint="Give control's score minus the candidate's.")
    errors = [seen - real for seen, real in zip(judged, true, strict=True)]
    each = (1.0 - confidence) / 2.0
    return Calibration(
        shift_high=_upper_bound(errors, each),
        hidden_high=_upper_bound([-error for error in errors], each),
        labels=len(errors),
    )


def _upper_bound(errors: Sequence[float], alpha: float) -> float:
    """The bound above which the mean lies with probability at most `alpha`, at least 0."""
    return max(0.0, -lower_bound([-error for error in errors], alpha, -WIDEST, WIDEST))
