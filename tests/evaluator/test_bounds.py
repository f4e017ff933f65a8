"""Bounds on a mean: they err as rarely as they say, and are not much wider than the best there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from evaluator.bounds import lower_bound, p_value, upper_bound

SCORES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60)


@given(SCORES, st.sampled_from([0.2, 0.05, 0.001]))
def test_the_bounds_enclose_the_mean_of_the_scores(scores: list[float], alpha: float) -> None:
    mean = sum(scores) / len(scores)
    assert -1e-9 <= lower_bound(scores, alpha) <= mean + 1e-9
    assert mean - 1e-9 <= upper_bound(scores, alpha) <= 1.0 + 1e-9


@given(SCORES)
def test_more_certainty_is_a_wider_bound(scores: list[float]) -> None:
    # Bets are sized for alpha, so the order holds only where the levels are far apart.
    assert lower_bound(scores, 1e-6) <= lower_bound(scores, 0.1) + 1e-6


def test_no_scores_bound_nothing() -> None:
    assert (lower_bound([], 0.05), upper_bound([], 0.05)) == (0.0, 1.0)


def test_a_score_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        lower_bound([0.5, 1.2], 0.05)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        lower_bound([float("nan")], 0.05)


@pytest.mark.parametrize("n", [20, 60])
@pytest.mark.parametrize("chances", [(0.1, 0.5, 0.4), (0.0, 0.5, 0.5), (0.02, 0.9, 0.08), (0.5, 0.0, 0.5)])
def test_errors_are_as_rare_as_promised(n: int, chances: tuple[float, float, float]) -> None:
    alpha, runs = 0.05, 400
    rng = np.random.default_rng(11)
    mean = chances[1] * 0.5 + chances[2]
    drawn = rng.choice([0.0, 0.5, 1.0], size=(runs, n), p=chances)
    below = sum(lower_bound(x, alpha) > mean + 1e-9 for x in drawn)
    above = sum(upper_bound(x, alpha) < mean - 1e-9 for x in drawn)
    # An error rate of exactly alpha would exceed this count once in 10,000 tests.
    allowed = int(binom.ppf(0.9999, runs, alpha))
    assert below <= allowed
    assert above <= allowed


def test_the_simulation_would_notice_a_bound_that_errs_too_often() -> None:
    alpha, runs, n = 0.05, 400, 20
    rng = np.random.default_rng(11)
    drawn = rng.choice([0.0, 1.0], size=(runs, n), p=(0.2, 0.8))
    too_bold = sum(lower_bound(x, 0.5) > 0.8 for x in drawn)
    assert too_bold > int(binom.ppf(0.9999, runs, alpha))


@pytest.mark.parametrize(("n", "hits"), [(30, 30), (60, 48), (60, 6), (150, 120), (150, 15)])
def test_binary_scores_come_close_to_the_exact_binomial_bound(n: int, hits: int) -> None:
    scores = [1.0] * hits + [0.0] * (n - hits)
    exact = float(beta.ppf(0.05, hits, n - hits + 1))
    found = lower_bound(scores, 0.05)
    assert exact - 0.06 < found < exact + 0.03


def test_all_right_is_nearly_the_exact_bound() -> None:
    assert lower_bound([1.0] * 30, 0.05) == pytest.approx(0.05 ** (1 / 30), abs=0.005)


def test_a_p_value_is_small_exactly_beyond_the_bound() -> None:
    scores = [1.0] * 20 + [0.0] * 40
    bound = lower_bound(scores, 0.01)
    assert p_value(scores, bound - 0.01, 0.01) < 0.01
    assert p_value(scores, bound + 0.01, 0.01) > 0.01
    assert p_value([], 0.5, 0.01) == 1.0
    with pytest.raises(ValueError, match="between 0 and 1"):
        p_value(scores, 0.0, 0.01)
