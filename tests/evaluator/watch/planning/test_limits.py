from math import log

import pytest
from scipy.stats import norm

from evaluator.watch.planning.limits import (
    independent_discordance,
    pair_information,
    promotion_information,
    unpaired_information,
)


@pytest.mark.parametrize(
    ("drop", "even", "rare"),
    [(0.03, 62_000, 335_000), (0.05, 7_118, 38_100), (0.10, 1_072, 5_607), (0.20, 235, 1_191)],
)
def test_the_limits_are_those_that_the_gate_was_designed_against(drop, even, rare):
    assert log(100) / unpaired_information(0.8, drop, 0.02, 0.5) == pytest.approx(even, rel=0.003)
    assert log(100) / unpaired_information(0.8, drop, 0.02, 0.05) == pytest.approx(rare, rel=0.003)


@pytest.mark.parametrize(("drop", "pairs"), [(0.03, 13_700), (0.05, 1_492), (0.10, 192)])
def test_pairs_need_far_fewer(drop, pairs):
    assert log(100) / pair_information(drop, 0.15, 0.02) == pytest.approx(pairs, rel=0.003)


def test_small_drops_agree_with_the_normal_approximation():
    """A fixed-sample z test of the same power needs information of the same order (scipy as the judge)."""
    excess, variance = 0.02, 2 * (0.8 * 0.2 + 0.77 * 0.23)
    information = unpaired_information(0.8, 0.03, 0.01, 0.5)
    assert information == pytest.approx(excess**2 / (2 * variance), rel=0.05)
    fixed = (norm.ppf(0.99) + norm.ppf(0.5)) ** 2 * variance / excess**2
    assert 0.5 < log(100) / information / fixed < 2


def test_a_tolerated_drop_holds_no_information():
    assert unpaired_information(0.8, 0.02, 0.02, 0.5) == 0.0
    assert pair_information(0.02, 0.15, 0.02) == 0.0


def test_promotion_needs_less_for_a_wider_margin():
    wide, narrow = (promotion_information(0.8, m, 0.5) for m in (0.15, 0.05))
    assert wide > 5 * narrow > 0


def test_independent_answers_differ_by_chance():
    assert independent_discordance(0.8, 0.1) == pytest.approx(0.8 * 0.3 + 0.7 * 0.2)
