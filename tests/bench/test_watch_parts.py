from _watch.false_rollback import DELTA, ErringJudge, from_labels, from_pairs, roll, unmoved


def _rolled_back(threshold, drop, runs=40):
    return roll(ErringJudge(), drop, threshold, runs=runs, horizon=2500, seed=7)


def test_a_judge_that_favours_control_rolls_back_what_is_tolerated_unless_its_error_is_carried():
    assert _rolled_back(unmoved, DELTA).rolled_back >= 10
    for threshold in (from_labels(500), from_pairs(500)):
        assert _rolled_back(threshold, DELTA).rolled_back == 0
        assert _rolled_back(threshold, 0.7).rolled_back == 40
