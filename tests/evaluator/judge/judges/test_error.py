import random

import pytest
from scipy.stats import binomtest

from evaluator.judge.judges.error import Gold, calibrate
from telemetry.errors import UsageError


def _gold(sensitivity, specificity, each, arm=None):
    good = [Gold(True, n < sensitivity * each, arm) for n in range(each)]
    return good + [Gold(False, n >= specificity * each, arm) for n in range(each)]


def test_a_flawless_judge_changes_nothing_but_for_its_uncertainty():
    error = calibrate(_gold(1.0, 1.0, 5000), same_for_both_arms=True)
    assert error.rollback_threshold(0.02) == pytest.approx(0.02)
    assert error.promotion_margin(0.10) == pytest.approx(0.10, abs=0.001)


def test_bounds_equal_scipys_exact_interval():
    error = calibrate(_gold(0.9, 0.9, 250), same_for_both_arms=True)
    expected = binomtest(225, 250).proportion_ci(0.975, method="exact")
    assert error.sensitivity == pytest.approx((expected.low, 0.9, expected.high), abs=1e-9)


def test_five_hundred_labels_leave_a_twelfth_of_doubt_in_j():
    power = calibrate(_gold(0.9, 0.9, 250), same_for_both_arms=True).power
    assert power.estimate == pytest.approx(0.8)
    assert 0.05 < power.high - power.estimate < 0.10


def test_noise_widens_both_questions_to_the_safe_side():
    error = calibrate(_gold(0.9, 0.9, 250), same_for_both_arms=True)
    assert error.rollback_threshold(0.05) > 0.8 * 0.05
    assert error.promotion_margin(0.05) < 0.8 * 0.05


def test_a_judge_that_may_favour_an_arm_shifts_the_threshold():
    gold = _gold(0.95, 0.9, 200, "control") + _gold(0.85, 0.9, 200, "candidate")
    error = calibrate(gold, same_for_both_arms=False)
    assert error.shift > 0.10
    with pytest.raises(UsageError, match="cannot prove a margin"):
        error.promotion_margin(0.05)


def test_good_and_bad_answers_are_both_needed():
    with pytest.raises(UsageError, match="0 bad"):
        calibrate([Gold(True, True)], same_for_both_arms=True)


def test_the_judged_gap_of_a_tolerated_drop_stays_below_the_threshold():
    """Simulated judges: their threshold is exceeded no more often than the calibration's confidence allows."""
    rng, exceeded = random.Random(1), 0
    for _ in range(300):
        s, c = rng.uniform(0.7, 1.0), rng.uniform(0.7, 1.0)
        gold = [Gold(True, rng.random() < s) for _ in range(100)]
        gold += [Gold(False, rng.random() >= c) for _ in range(100)]
        threshold = calibrate(gold, same_for_both_arms=True).rollback_threshold(0.05)
        exceeded += (s + c - 1) * 0.05 > threshold
    assert exceeded <= 300 * 0.05
