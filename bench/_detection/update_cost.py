"""What one update costs: measured on the product itself, in CPU time."""

from __future__ import annotations

import random
import time
from math import log, sqrt

from _shape import Figure, Result

from _detection.world import ALPHA, DELTA
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.sequential import BroadPool, DropProcess, History, combine
from telemetry.events import (
    Assignment,
    AuditRef,
    CapabilityWatch,
    ModelRef,
    RolloutSpec,
    ScoreRecorded,
    Stage,
    now,
)


def update_cost(result: Result) -> None:
    """CPU of one update on the product: one process, its past, the pool and M over ten capabilities."""
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
    rng = random.Random(1)
    process, past, pool = DropProcess(DELTA), History(), BroadPool()
    others, weights = [1.0] * 9, [0.1] * 10

    def updates(n: int) -> float:
        scores = [(rng.random() < 0.5, float(rng.random() < 0.8)) for _ in range(n)]
        begin = time.process_time()
        for candidate, y in scores:
            pool.multiply(process.unpaired(past, 0.5, candidate, y))
            past.add(candidate, y)
            combine(weights, [process.e_value, *others], pool.e_value)
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
    nobody = ModelRef(name="bench", sha256="0" * 64)
    evidence = RolloutEvidence(
        RolloutSpec(
            rollout_id="bench", model_alias="bench", base=nobody, candidate=nobody, salt="bench",
            capabilities=tuple(
                CapabilityWatch(name=n, role="adjacent", threshold=DELTA, weight=0.1) for n in names
            ),
            stages=(Stage(share=0.5),), advance="manual", brief_sha256="0" * 64,
            audit=AuditRef(verdict="pass", sha256="0" * 64),
        )
    )  # fmt: skip
    rng, at, scores = random.Random(1), now(), []
    for number in range(5_000):
        arm = rng.choice(("control", "candidate"))
        who = Assignment(
            subject=f"s{number}", subject_source="session", arm=arm, share=0.5, stage=0, revision=1
        )
        scores.append(
            ScoreRecorded(
                event_id=f"e{number}", time=at, source="bench", rollout_id="bench", interaction_id=f"i{number}",
                interaction_time=at, assignment=who, capability=rng.choice(names), tag_confidence=1.0,
                value=float(rng.random() < 0.8), judge="bench",
            )
        )  # fmt: skip
    best = float("inf")
    for start in range(0, len(scores), 500):
        begin = time.process_time()
        for offset, one in enumerate(scores[start : start + 500], start):
            evidence.settle(one, 0, offset)
        best = min(best, (time.process_time() - begin) / 500 * 1e6)
    return best
