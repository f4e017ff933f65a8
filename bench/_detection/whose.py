"""A drop that only those feel who send much, or only those who send little: units, pairs, and a bet for each."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from _shape import Figure, Result

from _detection.world import ALPHA, BASE, DELTA, DISCORDANT
from evaluator.watch.evidence.sequential import DropProcess, History
from evaluator.watch.evidence.whose import DropTests

Feel = Literal["heavy", "light", "all"]
SUBJECTS: Final = 5_000
HEAVY: Final = 100
TIMES: Final = 60.0
"""How much more a heavy subject sends."""
SHADOW: Final = 0.1
CAPABILITIES: Final = 10
"""The bar is that of one of so many."""


def stops(seed: int, feel: Feel, drop: float, requests: int) -> tuple[int, int]:
    """Requests until one bet on units and pairs together reached its bar, and until ours did; 0 where never."""
    rng = np.random.default_rng(seed)
    sends = np.ones(SUBJECTS)
    sends[:HEAVY] = TIMES
    arm = rng.random(SUBJECTS) < 0.5
    met = np.zeros(SUBJECTS, dtype=bool)
    one, ours, past, found = DropProcess(DELTA), DropTests(DELTA), History(), [0, 0]
    for at, subject in enumerate(rng.choice(SUBJECTS, requests, p=sends / sends.sum()), 1):
        felt = drop if feel == "all" or (subject < HEAVY) == (feel == "heavy") else 0.0
        good = rng.random() < BASE
        worse = max((DISCORDANT + felt) / 2, felt)
        flip = worse / BASE if good else (worse - felt) / (1.0 - BASE)
        control, candidate = float(good), float(good ^ (rng.random() < flip))
        if rng.random() < SHADOW:
            for tests in (one, ours):
                tests.pair(past, control - candidate)
            past.add_pair(control, candidate)
        elif not met[subject]:
            taken = bool(arm[subject])
            for tests in (one, ours):
                tests.unpaired(past, 0.5, taken, candidate if taken else control)
            past.add(taken, candidate if taken else control)
        met[subject] = True
        for number, tests in enumerate((one, ours)):
            if not found[number] and tests.e_value >= CAPABILITIES / ALPHA:
                found[number] = at
        if all(found):
            break
    return found[0], found[1]


def whose_drop(result: Result) -> None:
    """Drops that part of the subjects feel: how often each is found in 8,000 requests."""
    runs, requests = (4, 4_000) if result.quick else (60, 8_000)
    cases: list[tuple[str, Feel, float]] = [
        ("20 points, heavy subjects only", "heavy", 0.2),
        ("20 points, light subjects only", "light", 0.2),
        ("10 points, all", "all", 0.1),
    ]
    told, found = [], {}
    for name, feel, drop in cases:
        every = np.array([stops(result.seed + run, feel, drop, requests) for run in range(runs)])
        found[feel] = (every > 0).mean(axis=0)
        before, ours = (float(np.median(np.where(row > 0, row, requests))) for row in every.T)
        told.append(
            f"{name}: {found[feel][1]:.0%} after {ours:,.0f} (median), one bet {found[feel][0]:.0%} after {before:,.0f}"
        )
    result.add(
        Figure(
            "heavy_drop_found",
            float(found["heavy"][1]),
            "fraction",
            float(found["heavy"][1]),
            float(found["heavy"][0]),
            0.9,
            "higher",
            f"2% of the subjects send 55% of {requests:,} requests, threshold 2 points, 10% shadow pairs, one of ten "
            f"capabilities, {runs} runs; {'; '.join(told)}; theirs: one bet on units and pairs",
        )
    )
