"""The bets beside another package's (`ville`, BSD), which lives in a folder of this test and nowhere else.

Its capital process for bounded means is Waudby-Smith and Ramdas' as well, written by other people: the same bets
must make the same capital, and its own bets must find the same drops in about the same time.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from math import log
from pathlib import Path

import pytest

from evaluator.watch.evidence.sequential import DropProcess, History, pair_factors, unpaired_factors

pytestmark = pytest.mark.slow

PACKAGE = "ville==0.1.0"
DELTA = 0.02
THEIRS = """
import json, sys
import numpy as np
from ville.means import _PlugIn, _plugin_lambda
from ville.sequential import BettingTest
said = []
for job in json.load(sys.stdin):
    x, (low, high), m0 = np.array(job["x"]), job["bounds"], job["m0"]
    test = BettingTest(m0, bounds=(low, high), alternative="greater", alpha=0.01).fit(x)
    z, m = (x - low) / (high - low), (m0 - low) / (high - low)
    i, _, variance = _PlugIn().step(z)
    bets = np.minimum(_plugin_lambda(i, variance, 0.01), test.c / m) / (high - low)
    said.append({"log": test.log_e_values_.tolist(), "bets": bets.tolist()})
json.dump(said, sys.stdout)
"""


DROPS = {0.1: 1_500, 0.05: 8_000}
PI, MEAN_A, G = 0.5, 0.8, 0.01
M = MEAN_A - PI * G
LOW = -max((1 - M + DELTA) / PI, M / (1 - PI))


def gaps(seed, drop, count, discordant=0.15):
    rng = random.Random(seed)
    lots = (rng.random() for _ in range(count))
    return [1.0 if u < (discordant + drop) / 2 else -1.0 if u < discordant else 0.0 for u in lots]


def units(seed, count):
    rng = random.Random(seed)
    return [(rng.random() < PI, rng.random()) for _ in range(count)]


def streams():
    """Every stream of this file by name: values, bounds, and the mean under the null."""
    pairs = {"pairs": gaps(1, 0.1, 400)}
    pairs |= {f"drop {drop} {seed}": gaps(seed, drop, n) for drop, n in DROPS.items() for seed in range(40)}
    pairs |= {f"boundary {seed}": gaps(seed, DELTA, 2_000) for seed in range(100, 200)}
    x = [-(y - M + DELTA) / PI if candidate else (y - M) / (1 - PI) for candidate, y in units(2, 400)]
    made = {name: {"x": gap, "bounds": (-1.0, 1.0), "m0": DELTA} for name, gap in pairs.items()}
    return made | {"units": {"x": x, "bounds": (LOW, -LOW), "m0": 0.0}}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """What their test makes of the streams: the logarithm of its capital after each value, and its bets."""
    folder = tmp_path_factory.mktemp("ville")
    asked = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-input",
        "--target",
        str(folder),
    ]
    got = subprocess.run([*asked, PACKAGE], capture_output=True, text=True, check=False, timeout=120)
    if got.returncode:
        pytest.skip(f"pip cannot get {PACKAGE}: {got.stderr.strip().splitlines()[-1:]}")
    jobs = streams()
    made = subprocess.run(
        [sys.executable, "-c", THEIRS],
        input=json.dumps(list(jobs.values())),
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    yield dict(zip(jobs, json.loads(made.stdout), strict=True))
    assert not any(Path(sys.prefix).glob("lib/python*/site-packages/ville*")), (
        "it stays out of the project's own"
    )


def _moment_for(bet, g):
    """The second moment (or spread) with which our bet on `g` is exactly `bet`."""
    return g / bet - g * g


def test_the_same_bets_make_the_same_capital_in_pairs(theirs):
    said, capital = theirs["pairs"], 0.0
    for gap, bet, expected in zip(gaps(1, 0.1, 400), said["bets"], said["log"], strict=True):
        (factor,) = pair_factors(gap, DELTA, _moment_for(bet, G), [G])
        capital += log(factor)
        assert capital == pytest.approx(expected, abs=1e-9)


def test_the_same_bets_make_the_same_capital_in_units(theirs):
    """A unit's x lies in [-(1 - m + delta)/pi, (1 - m)/(1 - pi)] and is tested against a mean of 0."""
    said, capital = theirs["units"], 0.0
    for (candidate, y), bet, expected in zip(units(2, 400), said["bets"], said["log"], strict=True):
        variance = _moment_for(bet, G) / (1 / (1 - PI) + 1 / PI)
        (factor,) = unpaired_factors(PI, candidate, y, DELTA, MEAN_A, variance, variance, [G])
        capital += log(factor)
        assert capital == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("drop", DROPS)
def test_both_find_a_drop_in_pairs_in_about_the_same_time(theirs, drop):
    """Ours holds half of its wealth in reserve for late drops and mixes over sizes, which costs some."""
    count = DROPS[drop]
    said = [theirs[f"drop {drop} {seed}"]["log"] for seed in range(40)]
    other = [next((n for n, e in enumerate(logs, 1) if e >= log(100.0)), count) for logs in said]
    ours = [first_alarm(gaps(seed, drop, count), count) for seed in range(40)]
    assert sum(n < count for n in ours) >= 38
    assert 0.6 < sum(ours) / sum(other) < 1.3


def test_neither_cries_wolf_at_the_boundary(theirs):
    said = [theirs[f"boundary {seed}"]["log"] for seed in range(100, 200)]
    assert sum(max(logs) >= log(100.0) for logs in said) <= 4
    assert sum(first_alarm(gaps(seed, DELTA, 2_000), 0) > 0 for seed in range(100, 200)) <= 4


def first_alarm(x, otherwise):
    process, past = DropProcess(DELTA), History()
    for n, gap in enumerate(x, start=1):
        process.pair(past, gap)
        past.add_pair(max(gap, 0.0), max(-gap, 0.0))
        if process.e_value >= 100.0:
            return n
    return otherwise
