import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.judge.judges.calibration import calibrate_pairs
from telemetry.errors import UsageError

GAPS = st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), max_size=30)


def _score(rng, good, missed, waved_through):
    return rng.random() >= missed if good else rng.random() < waved_through


def _pairs(rng, pairs, missed=(0.1, 0.18), waved_through=0.1):
    """Gold pairs of equal arms (true mean gap 0), and a judge that misses good answers of both, of one more."""
    judged, true = [], []
    for _ in range(pairs):
        control, candidate = rng.random() < 0.8, rng.random() < 0.8
        seen = (
            _score(rng, control, missed[0], waved_through),
            _score(rng, candidate, missed[1], waved_through),
        )
        judged.append(float(seen[0]) - seen[1])
        true.append(float(control) - candidate)
    return judged, true


def test_bounds_lie_on_both_sides_of_the_true_shift_as_often_as_they_say():
    rng, outside = random.Random(20), 0
    shift = 0.8 * 0.08
    for _ in range(200):
        found = calibrate_pairs(*_pairs(rng, 100))
        outside += found.shift_high < shift or -found.hidden_high > shift
    assert outside <= 0.05 * 200


def test_more_gold_pairs_leave_less_doubt():
    rng = random.Random(4)
    doubts = [calibrate_pairs(*_pairs(rng, pairs)).shift_high for pairs in (40, 400, 4000)]
    assert doubts[0] > doubts[1] > doubts[2] > 0.8 * 0.08
    assert doubts[2] < 0.1


def test_a_judge_that_never_errs_keeps_only_the_doubt_of_a_small_sample():
    found = calibrate_pairs([0.0] * 500, [0.0] * 500)
    assert found.shift_high == found.hidden_high
    assert 0.0 < found.shift_high < 0.02


def test_without_gold_pairs_nothing_is_known():
    found = calibrate_pairs([], [])
    assert (found.shift_high, found.hidden_high, found.labels) == (2.0, 2.0, 0)


@given(GAPS)
def test_arms_that_change_places_change_the_bounds_places(pairs):
    judged, true = [p[0] for p in pairs], [p[1] for p in pairs]
    there, back = calibrate_pairs(judged, true), calibrate_pairs([-g for g in judged], [-g for g in true])
    assert (there.shift_high, there.hidden_high) == (back.hidden_high, back.shift_high)
    assert there.shift_high >= 0.0 <= there.hidden_high


def test_gaps_that_cannot_be_are_refused():
    with pytest.raises(UsageError, match="1 judged, 0 true"):
        calibrate_pairs([0.1], [])
    with pytest.raises(UsageError, match=r"\[-1, 1\]"):
        calibrate_pairs([1.5], [0.0])
