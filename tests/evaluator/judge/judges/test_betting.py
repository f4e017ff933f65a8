"""Betting: an e-process under its null, close to the limit under the alternative, and an interval by inversion."""

from __future__ import annotations

import itertools
from math import exp, log, log1p

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from evaluator.judge.judges.betting import BETS, WEIGHTS, log_evidence, lower_bound, strongest
from evaluator.watch.planning.limits import pair_information

ALPHA = 0.01
DRAWS = st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=40)


def test_the_bets_are_a_mixture() -> None:
    assert sum(WEIGHTS) == pytest.approx(1.0)
    assert all(0.0 < bet <= 1.0 for bet in BETS)
    assert len(BETS) == len(WEIGHTS)


@given(DRAWS, st.floats(-0.9, 0.9))
def test_it_is_the_formula_in_its_docstring(draws: list[float], mean: float) -> None:
    expected, wealth = [], list(WEIGHTS)
    for z in draws:
        wealth = [w * max(0.0, 1 + f * (z - mean) / (mean + 1.0)) for w, f in zip(wealth, BETS, strict=True)]
        expected.append(sum(wealth))
    assert np.exp(log_evidence(draws, mean, -1.0)) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("delta", [0.0, 0.02, 0.1])
def test_on_the_boundary_the_expected_evidence_is_one_over_every_sequence_of_draws(delta: float) -> None:
    for lost, gained in ((delta, 0.0), (delta + 0.2, 0.2), (delta + 0.01, 0.01)):
        chance = {1.0: lost, 0.0: 1.0 - lost - gained, -1.0: gained}
        for sign in (1.0, -1.0):
            total = 0.0
            for sequence in itertools.product(chance, repeat=6):
                probability = float(np.prod([chance[x] for x in sequence]))
                draws = [sign * x for x in sequence]
                total += probability * exp(float(log_evidence(draws, sign * delta, -1.0)[-1]))
            assert total == pytest.approx(1.0)


@given(DRAWS, st.randoms(use_true_random=False), st.floats(-0.9, 0.9))
def test_the_order_of_the_draws_does_not_matter_in_the_end(
    draws: list[float], shuffler: object, mean: float
) -> None:
    other = list(draws)
    shuffler.shuffle(other)  # type: ignore[attr-defined]
    ends = [exp(float(log_evidence(d, mean, -1.0)[-1])) for d in (draws, other)]
    assert ends[0] == pytest.approx(ends[1], rel=1e-6, abs=1e-12)


@given(DRAWS, st.floats(-0.9, 0.8), st.floats(0.01, 0.1))
def test_a_larger_mean_is_refused_less_strongly(draws: list[float], mean: float, more: float) -> None:
    assert strongest(draws, mean + more, -1.0) <= strongest(draws, mean, -1.0) + 1e-9


@given(DRAWS)
def test_a_mean_is_refused_exactly_below_the_bound(draws: list[float]) -> None:
    bound = lower_bound(draws, ALPHA, -1.0, 1.0)
    assert -1.0 <= bound <= 1.0
    if bound > -0.999:
        assert strongest(draws, bound - 1e-6, -1.0) >= log(1 / ALPHA) - 1e-6
    assert strongest(draws, bound + 1e-6, -1.0) < log(1 / ALPHA) + 1e-6


def test_no_draws_say_nothing() -> None:
    assert log_evidence([], 0.5, 0.0).size == 0
    assert strongest([], 0.5, 0.0) == 0.0
    assert lower_bound([], ALPHA, -1.0, 1.0) == -1.0


def test_impossible_draws_and_means_are_refused() -> None:
    with pytest.raises(ValueError, match=r"-1\.0 or more, got -1\.5"):
        log_evidence([-1.5], 0.0, -1.0)
    with pytest.raises(ValueError, match=r"-1\.0 or more, got nan"):
        log_evidence([float("nan")], 0.0, -1.0)
    with pytest.raises(ValueError, match="above the smallest draw"):
        log_evidence([0.0], -1.0, -1.0)


@pytest.mark.parametrize("delta", [0.01, 0.02, 0.05, 0.1])
def test_equal_pairs_pass_within_a_quarter_more_than_the_fewest_that_any_test_needs(delta: float) -> None:
    fewest = log(1 / ALPHA) / -log1p(-delta)
    path = log_evidence([0.0] * int(2 * fewest + 10), -delta, -1.0)
    assert fewest <= int(np.argmax(path >= log(1 / ALPHA))) + 1 <= 1.25 * fewest + 1


@pytest.mark.parametrize(
    ("lost", "gained", "most"),
    [(0.05, 0.05, 1.5), (0.01, 0.01, 1.5), (0.1, 0.1, 1.5), (0.0, 0.03, 1.5), (0.01, 0.0, 1.5)],
)
def test_a_pass_takes_at_most_half_more_than_the_limit(lost: float, gained: float, most: float) -> None:
    limit = log(1 / ALPHA) / pair_information(gained - lost, lost + gained, -0.02)
    rng = np.random.default_rng(5)
    needed = []
    for _ in range(40):
        draws = rng.choice([-1.0, 0.0, 1.0], size=int(5 * limit), p=(lost, 1.0 - lost - gained, gained))
        path = log_evidence(draws, -0.02, -1.0)
        needed.append(
            int(np.argmax(path >= log(1 / ALPHA))) + 1 if path.max() >= log(1 / ALPHA) else path.size
        )
    assert np.mean(needed) <= most * limit


@pytest.mark.parametrize(("lost", "gained"), [(0.05, 0.0), (0.1, 0.05), (0.1, 0.0), (0.15, 0.05), (0.6, 0.0)])
def test_a_fail_takes_at_most_half_more_than_the_limit(lost: float, gained: float) -> None:
    limit = log(1 / ALPHA) / pair_information(lost - gained, lost + gained, 0.02)
    rng = np.random.default_rng(6)
    needed = []
    for _ in range(60):
        draws = rng.choice([1.0, 0.0, -1.0], size=int(5 * limit + 40), p=(lost, 1.0 - lost - gained, gained))
        path = log_evidence(draws, 0.02, -1.0)
        needed.append(
            int(np.argmax(path >= log(1 / ALPHA))) + 1 if path.max() >= log(1 / ALPHA) else path.size
        )
    assert np.mean(needed) <= 1.5 * limit


@pytest.mark.parametrize("chances", [(0.1, 0.8, 0.1), (0.0, 0.98, 0.02), (0.3, 0.3, 0.4), (0.04, 0.96, 0.0)])
def test_the_bound_errs_as_rarely_as_it_says_at_all_times_together(
    chances: tuple[float, float, float],
) -> None:
    alpha, runs = 0.05, 400
    rng = np.random.default_rng(11)
    mean = chances[2] - chances[0]
    drawn = rng.choice([-1.0, 0.0, 1.0], size=(runs, 500), p=chances)
    # The bound after some draw exceeds the mean exactly where the mean itself was refused at some time.
    wrong = sum(strongest(z, mean, -1.0) >= log(1 / alpha) for z in drawn)
    assert wrong <= int(binom.ppf(0.9999, runs, alpha))
    assert sum(strongest(z, mean - 0.3, -1.0) >= log(1 / alpha) for z in drawn) > runs / 2  # and it can see
