"""How often a test errs where it is hardest: the drop is exactly the threshold. Seeded simulation of the real test.

There the claim "the drop is below the threshold" is (just) false and so is "it is beyond it": every `pass` and every
`fail` is an error, and both must stay within alpha however often one looks. Ours is the product's own
e-process, looked at after every draw (`evaluator.audit.diff.paired` does nothing else with scores that are
all known); theirs are the z-tests, looked at once, after the last.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from _audit.peer import paired_z, usual_z, z_verdict
from evaluator.judge.judges.betting import strongest

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """Base is right in `base` of the items; beside the drop, `churn` is lost and `churn` gained.

    With `grades` G the scores are not 0 or 1 but G + 1 even steps from 0 to 1, and each change is one step, so that
    drop and churn need G times as many of them.
    """

    base: float
    churn: float
    threshold: float
    items: int
    grades: int = 1

    def __str__(self) -> str:
        graded = f", {self.grades} steps" if self.grades > 1 else ""
        said = f"base {self.base:.0%}, churn {self.churn:.0%}, threshold {self.threshold:.0%}, {self.items} items"
        return said + graded


CASES: tuple[Case, ...] = (
    *(
        Case(base, churn, threshold, items)
        for base in (0.3, 0.6, 0.9)
        for churn, threshold, items in (
            (0.0, 0.02, 2_400),
            (0.01, 0.02, 2_400),
            (0.05, 0.02, 2_400),
            (0.01, 0.03, 500),
            (0.01, 0.05, 1_000),
        )
    ),
    Case(0.6, 0.01, 0.02, 8_000),
    Case(0.6, 0.01, 0.02, 2_400, grades=10),
)
QUICK: tuple[Case, ...] = (
    Case(0.6, 0.0, 0.02, 1_000),
    Case(0.3, 0.01, 0.05, 1_000),
    Case(0.9, 0.05, 0.02, 1_000),
)


@dataclass(frozen=True, slots=True)
class Errors:
    """Rates of (false passes, false blocks) of one case: ours, the paired z-test's and the usual one's."""

    case: Case
    ours: tuple[float, float]
    paired: tuple[float, float]
    usual: tuple[float, float]


def errors(cases: Sequence[Case], runs: int, alpha: float, seed: int) -> list[Errors]:
    """The error rates of every case over `runs` seeded runs, on all cores."""
    workers = os.cpu_count() or 1
    parts = [
        (case, len(part), alpha, [seed, number, *map(int, part[:1])])
        for number, case in enumerate(cases)
        for part in np.array_split(np.arange(runs), workers)
        if len(part)
    ]
    with ProcessPoolExecutor(workers) as pool:
        counts = list(pool.map(count, parts))
    found = []
    for case in cases:
        rates = sum(c for (k, *_), c in zip(parts, counts, strict=True) if k == case) / runs
        ours, paired, usual = ((float(p), float(f)) for p, f in rates.reshape(3, 2))
        found.append(Errors(case, ours, paired, usual))
    return found


def scores(case: Case, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Base's and the candidate's scores of one run; the expected drop is the threshold. Items are independent."""
    steps, p = case.grades, case.base
    base = rng.binomial(steps, p, case.items).astype(float)
    can_lose, can_gain = 1.0 - (1.0 - p) ** steps, 1.0 - p**steps
    lost = (case.threshold + case.churn) * steps / can_lose
    gained = case.churn * steps / can_gain
    u = rng.random(case.items)
    change = np.where((base < steps) & (u > 1.0 - gained), 1.0, 0.0)
    change -= np.where((base > 0) & (u < lost), 1.0, 0.0)
    return base / steps, (base + change) / steps


def count(part: tuple[Case, int, float, list[int]]) -> NDArray[np.int64]:
    """Of one part of a case's runs: false passes and blocks of ours, of the paired z-test and of the usual one."""
    case, runs, alpha, seed = part
    rng = np.random.default_rng(seed)
    found, needed = np.zeros(6, dtype=np.int64), log(1.0 / alpha)
    for _ in range(runs):
        base, candidate = scores(case, rng)
        x = base - candidate
        verdicts = [z_verdict(z(base, candidate, case.threshold), alpha) for z in (paired_z, usual_z)]
        found += [
            strongest(-x, -case.threshold, -1.0) >= needed,
            strongest(x, case.threshold, -1.0) >= needed,
            *(v == wanted for v in verdicts for wanted in ("pass", "fail")),
        ]
    return found
