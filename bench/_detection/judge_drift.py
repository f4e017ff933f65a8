"""A judge that changes midway: how often known answers find it, after how many, and how often they cry wolf.

Known answers are 3/4 good. The judge passes 90% of the good ones and 10% of the bad ones; which, is mostly settled by
the answer: asked again it draws anew for a part of them (`redrawn`), so that a judge asked twice says otherwise of 1 in
100 (redrawn .05) or 2 in 100 (.1). Midway its sensitivity falls. All runs side by side, by the arithmetic of the
product's test (tests/bench/test_detection.py holds the two to each other).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from _shape import Figure, Result
from numpy.typing import NDArray

from evaluator.briefs.brief import JudgeEndpoint
from evaluator.watch.evidence.anchors import BAR
from evaluator.watch.evidence.sequential import (
    CAP,
    GRID,
    GRID_WEIGHTS,
    PRIOR_SECOND_MOMENT,
    PSEUDO,
    reserve_after,
)

KNOWN: Final = 3_000
"""Known answers of a judge: both models' to 1,500 items. The drift begins after half of them."""
GOOD, SENSITIVITY, SPECIFICITY = 0.75, 0.9, 0.9
FALLS: Final = (0.05, 0.10, 0.20)
RATE: Final = float(JudgeEndpoint.model_fields["anchors"].default)

Shifts = NDArray[np.float64]


class Found(NamedTuple):
    """By run, the anchor at which the bar was reached; 0 where it never was."""

    at: NDArray[np.int64]

    def late(self, begins: int) -> float:
        """The part of all runs that found it after it had begun."""
        return float((self.at > begins).mean())

    def delay(self, begins: int, part: float) -> float:
        """A quantile of the anchors from the beginning of the drift, of the runs that found it."""
        own = self.at[self.at > begins] - begins
        return float(np.quantile(own, part)) if len(own) else float("nan")


def shifts(seed: int, runs: int, count: int, begins: int, fall: float, redrawn: float) -> Shifts:
    """Score today - score then, of every known answer in every run."""
    rng, shape = np.random.default_rng(seed), (count, runs)
    good = rng.random(shape) < GOOD
    passes = np.where(good, SENSITIVITY, 1.0 - SPECIFICITY)
    settled = rng.random(shape) < passes
    then, today = (
        np.where(rng.random(shape) < redrawn, rng.random(shape) < passes, settled) for _ in range(2)
    )
    lost = good & (rng.random(shape) < fall / SENSITIVITY)
    lost[:begins] = False
    return (today & ~lost).astype(np.float64) - then


def stops(moved: Shifts) -> Found:
    """Where each run's two-sided test reached its bar."""
    runs = moved.shape[1]
    grid, weights = np.array(GRID), np.array(GRID_WEIGHTS)
    up = 0.5 * np.tile(weights, (runs, 1))
    down = up.copy()
    held, squares = 0.5, np.full(runs, PSEUDO * PRIOR_SECOND_MOMENT)
    at = np.zeros(runs, dtype=np.int64)
    for step, x in enumerate(moved, 1):
        bets = np.minimum(grid / ((squares / (PSEUDO + step - 1))[:, None] + grid * grid), CAP)
        now = reserve_after(step)
        paid, held = held - now, now
        up = (up + paid * weights) * (1.0 + bets * x[:, None])
        down = (down + paid * weights) * (1.0 - bets * x[:, None])
        squares += x * x
        over = 0.5 * (up.sum(axis=1) + down.sum(axis=1)) + held >= BAR
        at = np.where((at == 0) & over, step, at)
    return Found(at)


def judge_drift(result: Result) -> None:
    """Falls of 5, 10 and 20 points midway, and no fall at all."""
    runs, still = (200, 1_500) if result.quick else (2_000, 20_000)
    begins = KNOWN // 2
    told, worst = [], 1.0
    for redrawn, often in ((0.05, "1 in 100"), (0.1, "2 in 100")):
        parts = []
        for fall in FALLS:
            found = stops(shifts(result.seed, runs, KNOWN, begins, fall, redrawn))
            if redrawn == 0.05:
                worst = min(worst, found.late(begins))
            parts.append(
                f"{100 * fall:.0f} points {found.late(begins):.1%} after {found.delay(begins, 0.5):,.0f} "
                f"(95%: {found.delay(begins, 0.95):,.0f})"
            )
        told.append(f"a judge that says otherwise of {often} when asked again: {', '.join(parts)}")
    result.add(
        Figure(
            "judge_drift_found",
            worst,
            "fraction",
            worst,
            None,
            0.95,
            "higher",
            f"the least of falls of sensitivity by 5, 10 and 20 points after {begins:,} of {KNOWN:,} known answers, "
            f"{runs} runs each, delays in known answers (median), of which one is asked about beside {1 / RATE:.0f} "
            f"scores; {'; '.join(told)}",
        )
    )
    same = [
        stops(shifts(result.seed + 1, still, KNOWN, KNOWN, 0.0, redrawn)).at for redrawn in (0.05, 0.1, 1.0)
    ]
    cried = [float((at > 0).mean()) for at in same]
    result.add(
        Figure(
            "judge_drift_false_alarm",
            max(cried),
            "fraction",
            max(cried),
            None,
            0.01,
            "lower",
            f"the most of three judges that do not change, over {KNOWN:,} known answers, {still:,} runs each: says "
            f"otherwise of 1 in 100 {cried[0]:.2%}, of 2 in 100 {cried[1]:.2%}, draws anew each time {cried[2]:.2%}",
        )
    )
