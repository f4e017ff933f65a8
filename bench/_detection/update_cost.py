"""What one update costs: measured on the product itself, in CPU time."""

from __future__ import annotations

import random
import time
from math import log, sqrt

from _scores import rollout, score
from _shape import Figure, Result

from _detection.world import ALPHA, DELTA
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.sequential import BroadPool, History, combine
from evaluator.watch.evidence.whose import DropTests


def update_cost(result: Result) -> None:
    """CPU of one update on the product: one capability's tests, their past, the pool and M over ten capabilities."""
    early, late = _cost(1_000), _cost(60_000 if result.quick else 300_000)
    value = max(early, late)
    result.add(
        Figure(
            "update_us",
            value,
            "us",
            value,
            _growthbook_cost(),
            10.0,
            "lower",
            f"CPU time, best of 30 times 1,000; after 1,000 updates {early:.2f}, after many {late:.2f}; a whole "
            f"settled score (unit or pair, subjects, sample ratio, hash chain, heaviest ten) {_settle_cost():.1f}; "
            "theirs: GrowthBook's interval from running sums in plain Python, one capability",
        )
    )


def _cost(before: int) -> float:
    """A tenth of the scores are pairs, so that subjects and traffic are bet on apart and together, as in a rollout."""
    rng = random.Random(1)
    tests, past, pool = DropTests(DELTA), History(), BroadPool()
    others, weights = [1.0] * 9, [0.1] * 10

    def updates(n: int) -> float:
        scores = [
            (rng.random() < 0.1, rng.random() < 0.5, float(rng.random() < 0.8), float(rng.random() < 0.8))
            for _ in range(n)
        ]
        begin = time.process_time()
        for pair, candidate, y, other in scores:
            if pair:
                pool.multiply(tests.pair(past, other - y))
                past.add_pair(other, y)
            else:
                pool.multiply(tests.unpaired(past, 0.5, candidate, y))
                past.add(candidate, y)
            combine(weights, [tests.e_value, *others], pool.e_value)
        return (time.process_time() - begin) / n * 1e6

    updates(before)
    return min(updates(1_000) for _ in range(30))


def _growthbook_cost() -> float:
    rho2 = (-2 * log(ALPHA) + log(-2 * log(ALPHA) + 1)) / 5_000
    n, s = [100, 100], [80.0, 80.0]
    rng = random.Random(1)
    scores = [(rng.random() < 0.5, float(rng.random() < 0.8)) for _ in range(20_000)]
    begin, stops = time.process_time(), 0
    for candidate, y in scores:
        n[candidate] += 1
        s[candidate] += y
        mean = [s[0] / n[0], s[1] / n[1]]
        variance = mean[0] * (1 - mean[0]) / (n[0] - 1) + mean[1] * (1 - mean[1]) / (n[1] - 1)
        tr = (n[0] + n[1]) * rho2
        stops += mean[0] - mean[1] - DELTA > sqrt(variance * 2 * (tr + 1) / tr * log(sqrt(tr + 1) / ALPHA))
    return (time.process_time() - begin) / len(scores) * 1e6


def _settle_cost() -> float:
    """CPU of `RolloutEvidence.settle` a score, ten capabilities, every subject new; best of 10 times 500."""
    names = [f"capability-{n}" for n in range(10)]
    evidence = RolloutEvidence(rollout(dict.fromkeys(names, DELTA)))
    rng = random.Random(1)
    scores = [
        score(
            number, rng.choice(names), float(rng.random() < 0.8), None,
            subject=f"s{number}", arm=rng.choice(("control", "candidate")),
        )
        for number in range(5_000)
    ]  # fmt: skip
    best = float("inf")
    for start in range(0, len(scores), 500):
        begin = time.process_time()
        for offset, one in enumerate(scores[start : start + 500], start):
            evidence.settle(one, 0, offset)
        best = min(best, (time.process_time() - begin) / 500 * 1e6)
    return best
