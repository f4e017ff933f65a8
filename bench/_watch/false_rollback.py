"""What a judge's error does to false rollbacks, and what it costs to carry it: simulated, seeded, no model.

A judge says good or bad and errs differently for the two arms. Every run draws a calibration of its own, moves its
threshold by it and is rolled out on a stream of its own, so that the doubt of a small calibration is in the figures.
One capability, half of the subjects on the candidate, no pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaluator.judge.judges.calibration import calibrate_pairs
from evaluator.judge.judges.error import Gold, calibrate
from evaluator.watch.planning.fleet import Bools, Fleet, Floats, Ints, unpaired_factors
from evaluator.watch.planning.judge_terms import of_calibration, of_error
from telemetry.events import Arm

BASE = 0.8
DELTA = 0.05
ALPHA = 0.01
SHARE = 0.5
ARMS: tuple[Arm, Arm] = ("control", "candidate")


@dataclass(frozen=True)
class ErringJudge:
    """P(judged bad | good) of control's and the candidate's answers, and P(judged good | bad) of both."""

    missed: tuple[float, float] = (0.1, 0.18)
    passed: float = 0.05

    def mean(self, quality: float, arm: int) -> float:
        """The judged mean of an arm whose answers are good with chance `quality`."""
        return quality * (1.0 - self.missed[arm]) + (1.0 - quality) * self.passed


FLAWLESS = ErringJudge((0.0, 0.0), 0.0)
Threshold = Callable[[ErringJudge, np.random.Generator], float]
"""Draws a calibration of the judge and gives the threshold that it leaves."""


def unmoved(_judge: ErringJudge, _rng: np.random.Generator) -> float:
    """The brief's own threshold, whatever the judge."""
    return DELTA


def from_labels(each: int) -> Threshold:
    """The threshold after `each` gold labels an arm, of answers of which base's part is good (`judges.error`)."""

    def threshold(judge: ErringJudge, rng: np.random.Generator) -> float:
        gold = []
        for arm, name in enumerate(ARMS):
            for good in rng.random(each) < BASE:
                taken = rng.random() < (1.0 - judge.missed[arm] if good else judge.passed)
                gold.append(Gold(bool(good), taken, name))
        return of_error(
            DELTA, calibrate(gold, same_for_both_arms=False), "judge", partly_program=True
        ).threshold

    return threshold


def from_pairs(pairs: int) -> Threshold:
    """The threshold after `pairs` gold pairs of equal, independent arms (`judges.calibration`)."""

    def threshold(judge: ErringJudge, rng: np.random.Generator) -> float:
        true = (rng.random((pairs, 2)) < BASE).astype(float)
        right = rng.random((pairs, 2)) < np.where(true > 0, 1.0 - np.array(judge.missed), judge.passed)
        judged = right.astype(float)
        found = calibrate_pairs((judged[:, 0] - judged[:, 1]).tolist(), (true[:, 0] - true[:, 1]).tolist())
        return of_calibration(DELTA, found, "judge").threshold

    return threshold


class MovedFleet(Fleet):
    """A fleet of one capability whose threshold is each run's own."""

    def __init__(self, thresholds: Floats) -> None:
        super().__init__(len(thresholds), [DELTA])
        self.thresholds = thresholds

    def unpaired(self, run: Ints, k: Ints, pi: Floats, candidate: Bools, y: Floats) -> None:
        """Settle one unit of each of `run`."""
        factors = unpaired_factors(self.past, run, pi, candidate, y, self.thresholds[run], self.grid)
        self._multiply(run, k, run, 0, factors)
        self.past.add(run, candidate, y)


@dataclass(frozen=True)
class Found:
    """Rolled-back runs of `runs`, the median number of units until then (over those), the mean threshold."""

    rolled_back: int
    runs: int
    median: float | None
    threshold: float


def roll(
    judge: ErringJudge, drop: float, threshold: Threshold, *, runs: int, horizon: int, seed: int
) -> Found:
    """Roll out a candidate that is truly worse by `drop`, in `runs` runs of at most `horizon` units."""
    rng = np.random.default_rng(seed)
    thresholds = np.array([threshold(judge, rng) for _ in range(runs)])
    fleet = MovedFleet(thresholds)
    means = np.array([judge.mean(BASE, 0), judge.mean(BASE - drop, 1)])
    active, stopped = np.arange(runs), np.zeros(runs, dtype=np.int64)
    for unit in range(1, horizon + 1):
        candidate = rng.random(len(active)) < SHARE
        y = (rng.random(len(active)) < means[candidate.astype(int)]).astype(float)
        fleet.unpaired(active, np.zeros_like(active), np.full(len(active), SHARE), candidate, y)
        over = fleet.combined(active) >= 1.0 / ALPHA
        stopped[active[over]] = unit
        active = active[~over]
        if not len(active):
            break
    hit = stopped[stopped > 0]
    return Found(len(hit), runs, float(np.median(hit)) if len(hit) else None, float(thresholds.mean()))


DROPS = {
    "equal": 0.0,
    "at the boundary": DELTA,
    "20 points": 0.2,
    "40 points": 0.4,
    "a cliff, 70 points": 0.7,
}


def table(runs: int = 200, horizon: int = 10_000, seed: int = 20) -> dict[str, dict[str, Found]]:
    """Every threshold against every candidate: rows by how the threshold came about, columns by true drop."""
    judge = ErringJudge()
    rows: dict[str, tuple[ErringJudge, Threshold]] = {
        "never errs": (FLAWLESS, unmoved),
        "errs, threshold as in the brief": (judge, unmoved),
        "errs, 500 gold labels an arm": (judge, from_labels(500)),
        **{f"errs, {n} gold pairs": (judge, from_pairs(n)) for n in (40, 100, 500, 2000)},
    }
    return {
        row: {
            name: roll(one, drop, threshold, runs=runs, horizon=horizon, seed=seed)
            for name, drop in DROPS.items()
        }
        for row, (one, threshold) in rows.items()
    }


def lines(found: dict[str, dict[str, Found]]) -> list[str]:
    """The table as Markdown: runs rolled back, and the median units until then."""
    head = ["judge", "threshold", *DROPS]
    rows = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row, cells in found.items():
        of = [
            f"{c.rolled_back} of {c.runs}" + (f", {c.median:,.0f}" if c.median is not None else "")
            for c in cells.values()
        ]
        rows.append(f"| {row} | {next(iter(cells.values())).threshold:.3f} | {' | '.join(of)} |")
    return rows


if __name__ == "__main__":
    print("\n".join(lines(table())))
