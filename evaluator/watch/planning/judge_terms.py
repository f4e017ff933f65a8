"""What a judge's error does to a capability's terms: pure, from a threshold and what is known of the judge.

A program is right by definition: the test uses the brief's threshold. A judge that errs shows a candidate at the
boundary with a larger gap than delta, so that the test's threshold is moved up by what the judge may add; and it may
hide a part of a loss, so that what promotion has to prove is moved down. A judge whose error was never measured may
move anything by any amount: it may hold, and may not roll back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from evaluator.judge.judges.calibration import Calibration
from evaluator.judge.judges.error import JudgeError

LARGEST = 0.99
"""Thresholds are cut here; one that had to be is beyond every drop."""


@dataclass(frozen=True, slots=True)
class JudgeTerms:
    """How one capability is judged, for its `CapabilityWatch`, whose fields have these names and meanings.

    `threshold` is the test's. A drop of `margin` shows as at least `judge_power * margin - judge_hides`.
    """

    threshold: float
    judged_by: str = "program"
    tolerated: float | None = None
    judge_power: float = 1.0
    judge_hides: float = 0.0
    unwatched: str | None = None

    @property
    def holds(self) -> bool:
        """Whether this judge may hold a rollout and may not roll it back."""
        return self.unwatched is not None


def of_calibration(threshold: float, calibration: Calibration, judged_by: str) -> JudgeTerms:
    """The terms of a judge whose gaps were compared with the true ones of gold pairs.

    The bounds are of differences, so they hold for any part of the prompts that a program scores instead:
    p*g_1 + (1-p)*(g_2 + shift) <= delta + shift wherever p*g_1 + (1-p)*g_2 <= delta.
    """
    return JudgeTerms(
        threshold=min(threshold + calibration.shift_high, LARGEST),
        judged_by=f"{judged_by}, {calibration.labels} gold pairs",
        tolerated=threshold,
        judge_hides=calibration.hidden_high,
    )


def of_error(
    threshold: float, error: JudgeError, judged_by: str, *, partly_program: bool = False
) -> JudgeTerms:
    """The terms of a judge that says good or bad, from its sensitivity and specificity (arms apart).

    Where a program scores some of the prompts, the larger threshold of the two stands (docs/statistics.md, "When the
    judge errs", says for which candidates that keeps the promise).
    """
    if error.power.high <= 0.0:
        return _of_no_use(
            threshold, f"{judged_by}, {error.labels} gold labels", "tells good from bad no better than a coin"
        )
    judged = error.rollback_threshold(threshold)
    return JudgeTerms(
        threshold=max(judged, threshold) if partly_program else judged,
        judged_by=f"{judged_by}, {error.labels} gold labels",
        tolerated=threshold,
        judge_power=max(error.power.low, 0.0),
        judge_hides=error.shift,
    )


def uncalibrated(threshold: float, judged_by: str) -> JudgeTerms:
    """The terms of a judge that is no program and whose error nobody has measured."""
    return _of_no_use(threshold, judged_by, "has no calibration")


def _of_no_use(threshold: float, judged_by: str, why: str) -> JudgeTerms:
    reason = f"its judge ({judged_by}) {why}: it may hold, and may not roll back"
    return JudgeTerms(threshold=threshold, judged_by=judged_by, unwatched=reason)


def within_reach(terms: JudgeTerms, largest_drop: float | None) -> JudgeTerms:
    """The same terms, unwatched where even the largest drop that can be (base down to chance) stays inside them."""
    if terms.holds or largest_drop is None or terms.tolerated is None:
        return terms
    if terms.threshold < min(largest_drop, LARGEST):
        return terms
    return replace(
        terms,
        unwatched=(
            f"its judge ({terms.judged_by}) errs too much: a drop of {largest_drop:.2f}, down to chance, is within the "
            f"moved threshold {terms.threshold:.2f}; it may hold, and may not roll back"
        ),
    )
