import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.judge.judges.calibration import Calibration
from evaluator.judge.judges.error import Gold, calibrate
from evaluator.watch.planning.judge_terms import (
    JudgeTerms,
    of_calibration,
    of_error,
    uncalibrated,
    within_reach,
)
from telemetry.events import CapabilityWatch

SHARES = st.floats(0.0, 1.0)
GAPS = st.floats(-1.0, 1.0)


def _error(missed=(0.1, 0.18), passed=0.05, each=500, seed=1):
    rng, gold = random.Random(seed), []
    for arm, name in enumerate(("control", "candidate")):
        for _ in range(each):
            good = rng.random() < 0.8
            gold.append(Gold(good, rng.random() < (1 - missed[arm] if good else passed), name))
    return calibrate(gold, same_for_both_arms=False)


def _watch(terms):
    return CapabilityWatch(
        name="facts",
        role="adjacent",
        threshold=terms.threshold,
        weight=1.0,
        judged_by=terms.judged_by,
        tolerated=terms.tolerated,
        judge_power=terms.judge_power,
        judge_hides=terms.judge_hides,
    )


def test_a_programs_terms_are_the_briefs():
    watch = _watch(JudgeTerms(threshold=0.05))
    assert (watch.threshold, watch.judged_margin(None), watch.judged_margin(0.15)) == (0.05, 0.05, 0.15)


@given(part=SHARES, first=GAPS, second=GAPS, shift=st.floats(0.0, 2.0), delta=st.floats(0.01, 0.5))
def test_a_candidate_that_dropped_by_less_stays_below_whatever_part_a_program_scores(
    part, first, second, shift, delta
):
    true = part * first + (1 - part) * second
    judged = part * first + (1 - part) * (second + shift)
    threshold = of_calibration(delta, Calibration(shift, 0.0, 100), "j").threshold
    if true <= delta and judged <= 0.99:
        assert judged <= threshold + 1e-9


@given(part=SHARES, first=GAPS, second=GAPS)
def test_two_nulls_mixed_stay_below_the_larger_threshold(part, first, second):
    """Where the drop is tolerated among the prompts of each kind; J and b of the judge's kind are the worst ones."""
    error, delta = _error(), 0.05
    threshold = of_error(delta, error, "j", partly_program=True).threshold
    first, second = min(first, delta), min(second, delta)
    judged = max(error.power.high * second, error.power.low * second) + error.shift
    assert part * first + (1 - part) * judged <= threshold + 1e-9


def test_arms_apart_move_the_threshold_by_what_the_judge_may_favour_control():
    terms = of_error(0.05, _error(), "j")
    assert terms.threshold > 0.8 * 0.05 + 0.08
    assert terms.tolerated == 0.05
    assert "1000 gold labels" in terms.judged_by


def test_a_margin_that_the_judge_may_hide_cannot_be_proven_and_does_not_crash():
    watch = _watch(of_calibration(0.05, Calibration(0.1, 0.08, 200), "j"))
    assert watch.judged_margin(0.15) == pytest.approx(0.07)
    assert watch.judged_margin(0.08) is None
    assert watch.judged_margin(None) is None, (
        "the brief's threshold, not the moved one, is what is to be proven"
    )


def test_a_judge_without_calibration_may_hold_and_may_not_roll_back():
    terms = uncalibrated(0.05, "the model m")
    assert terms.holds
    assert "no calibration" in (terms.unwatched or "")


def test_a_judge_worse_than_a_coin_may_not_roll_back():
    assert of_error(0.05, _error(missed=(0.97, 0.97), passed=0.9), "j").holds


def test_a_threshold_beyond_the_largest_drop_that_can_be_is_said_and_not_watched():
    terms = of_calibration(0.05, Calibration(0.6, 0.6, 10), "j")
    assert within_reach(terms, 0.6).holds
    assert not within_reach(terms, 0.7).holds
    assert not within_reach(terms, None).holds
    assert not within_reach(JudgeTerms(threshold=0.05), 0.01).holds
