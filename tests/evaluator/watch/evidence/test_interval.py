import random

import pytest

from evaluator.watch.evidence.capability_fold import CapabilityFold
from evaluator.watch.evidence.interval import change
from telemetry.events import CapabilityWatch

WATCH = CapabilityWatch(name="facts", role="adjacent", threshold=0.05, weight=1.0)


def _fold(seed, count, control, candidate, pairs=0.0):
    rng, fold = random.Random(seed), CapabilityFold(WATCH, [])
    for _ in range(count):
        a, b = float(rng.random() < control), float(rng.random() < candidate)
        if rng.random() < pairs:
            fold.pair(a, b)
        else:
            arm = rng.random() < 0.5
            fold.unit(0.5, arm, b if arm else a)
    return fold


def test_nothing_is_said_of_one_arm_alone():
    fold = CapabilityFold(WATCH, [])
    assert change(fold) is None
    fold.unit(0.5, False, 1.0)
    assert change(fold) is None
    fold.unit(0.5, True, 0.0)
    assert change(fold) is not None


@pytest.mark.parametrize("pairs", [0.0, 0.3, 1.0])
def test_minus_is_worse(pairs):
    found = change(_fold(1, 4000, 0.9, 0.5, pairs))
    assert found.high < -0.25
    assert found.low < found.estimate < found.high
    assert found.estimate == pytest.approx(-0.4, abs=0.06)


def test_it_holds_at_every_look():
    """By simulation: 200 courses of 3,000, looked at every 50th; at most 5% may ever be outside, and chance."""
    outside = 0
    for seed in range(200):
        rng, fold = random.Random(seed), CapabilityFold(WATCH, [])
        for n in range(3000):
            arm = rng.random() < 0.5
            fold.unit(0.5, arm, float(rng.random() < (0.7 if arm else 0.8)))
            if n >= 100 and n % 50 == 0:
                found = change(fold)
                if not found.low <= -0.1 <= found.high:
                    outside += 1
                    break
    assert outside <= 18  # 10 expected at most, three standard errors


def test_pairs_narrow_it():
    alone, paired = change(_fold(2, 1000, 0.8, 0.8)), change(_fold(2, 1000, 0.8, 0.8, pairs=0.5))
    assert paired.high - paired.low < alone.high - alone.low
