"""The gate beside fixed-sample tests by scipy on the same data: what is proven sequentially is plain at the end."""

from __future__ import annotations

import random
from math import exp, log, sqrt

import pytest
from scipy.stats import binomtest, fisher_exact, norm

from evaluator.watch.evidence.sequential import DropProcess, History
from evaluator.watch.planning.limits import pair_information, unpaired_information

BAR = 100.0


def units(seed, drop, count, base=0.8, delta=0.02, pi=0.5):
    """Settle units until the bar is reached: how many, and successes and failures of each arm by then."""
    rng, process, past = random.Random(seed), DropProcess(delta), History()
    table = [[0, 0], [0, 0]]
    for n in range(1, count + 1):
        candidate = rng.random() < pi
        good = rng.random() < (base - drop if candidate else base)
        process.unpaired(past, pi, candidate, float(good))
        past.add(candidate, float(good))
        table[candidate][not good] += 1
        if process.e_value >= BAR:
            return n, table
    return None, table


def pairs(seed, drop, count, discordant=0.15, delta=0.02):
    """The same for pairs: how many, and how often only control was good, and only the candidate."""
    rng, process, past = random.Random(seed), DropProcess(delta), History()
    worse = better = 0
    for n in range(1, count + 1):
        lot = rng.random()
        gap = 1.0 if lot < (discordant + drop) / 2 else -1.0 if lot < discordant else 0.0
        process.pair(past, gap)
        past.add_pair(max(gap, 0.0), max(-gap, 0.0))
        worse, better = worse + (gap > 0), better + (gap < 0)
        if process.e_value >= BAR:
            return n, worse, better
    return None, worse, better


@pytest.mark.parametrize("seed", range(20))
def test_where_the_gate_fires_on_units_fishers_exact_test_agrees(seed):
    n, table = units(seed, 0.2, 3_000)
    assert n is not None
    assert fisher_exact(table, alternative="greater").pvalue < 0.01


@pytest.mark.parametrize("seed", range(20))
def test_where_the_gate_fires_on_pairs_the_exact_sign_test_agrees(seed):
    n, worse, better = pairs(seed, 0.1, 3_000)
    assert n is not None
    assert binomtest(worse, worse + better, 0.5, alternative="greater").pvalue < 0.01


def test_the_gate_needs_about_what_a_z_test_needs_that_may_look_once():
    """A z test of error 1% that knows the drop and looks once has power 50% at n, and 90% at 2.4 n."""
    drop, delta = 0.2, 0.02
    variance = 2 * (0.8 * 0.2 + 0.6 * 0.4)
    n = {p: variance * ((norm.ppf(0.99) + norm.ppf(p)) / (drop - delta)) ** 2 for p in (0.5, 0.9)}
    ours = sorted(units(seed, drop, 5_000)[0] or 5_000 for seed in range(120))
    assert n[0.5] < ours[len(ours) // 2] < 2.5 * n[0.5]
    assert ours[int(0.9 * len(ours))] < 2.5 * n[0.9]


def test_a_fixed_sample_e_value_is_a_p_value_turned_over():
    """1/E at a fixed n is a valid p-value: on the boundary it falls below p with a chance of at most p."""
    finals = []
    for seed in range(400):
        rng, process, past = random.Random(seed), DropProcess(0.1), History()
        for _ in range(150):
            candidate = rng.random() < 0.5
            y = float(rng.random() < (0.6 if candidate else 0.7))
            process.unpaired(past, 0.5, candidate, y)
            past.add(candidate, y)
        finals.append(1.0 / process.e_value)
    for p in (0.05, 0.2, 0.5):
        below = sum(f <= p for f in finals)
        assert binomtest(below, len(finals), p, alternative="greater").pvalue > 0.001


@pytest.mark.parametrize("kind", ["units", "pairs"])
def test_evidence_grows_at_nearly_the_best_possible_rate(kind):
    """The mean logarithm per observation against the Kullback-Leibler limit; nothing valid can exceed it."""
    count, finals = 1_500, []
    limit = (
        unpaired_information(0.8, 0.15, 0.02, 0.5) if kind == "units" else pair_information(0.15, 0.25, 0.02)
    )
    for seed in range(60):
        rng, process, past = random.Random(seed), DropProcess(0.02), History()
        for _ in range(count):
            if kind == "pairs":
                lot = rng.random()
                gap = 1.0 if lot < 0.2 else -1.0 if lot < 0.25 else 0.0
                process.pair(past, gap)
                past.add_pair(max(gap, 0.0), max(-gap, 0.0))
                continue
            candidate = rng.random() < 0.5
            y = float(rng.random() < (0.65 if candidate else 0.8))
            process.unpaired(past, 0.5, candidate, y)
            past.add(candidate, y)
        finals.append(log(process.e_value))
    mean = sum(finals) / len(finals)
    error = sqrt(sum((f - mean) ** 2 for f in finals)) / len(finals)
    assert 0.7 * limit * count < mean < limit * count + 4 * error
    assert exp(mean) > BAR
