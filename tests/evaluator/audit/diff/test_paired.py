"""The paired test: two claims, each certain at its own time; what nobody could score counts against both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from evaluator.audit.diff.paired import Draw, draw_of, evidence_of, interval_of, pairs_to_pass

SCORE = st.one_of(st.none(), st.floats(0.0, 1.0))
PAIRS = st.lists(st.tuples(SCORE, SCORE), min_size=1, max_size=5)


def draws(*values: float) -> list[Draw]:
    return [Draw(v, v) for v in values]


@given(PAIRS)
def test_a_draw_holds_every_value_that_missing_scores_could_have(
    pairs: list[tuple[float | None, float | None]],
) -> None:
    low, high = draw_of(pairs)
    assert -1.0 <= low <= high <= 1.0
    for b, c in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.3, 0.6)):
        filled = [(b if x is None else x, c if y is None else y) for x, y in pairs]
        drop = sum(x - y for x, y in filled) / len(filled)
        assert low - 1e-9 <= drop <= high + 1e-9
    if all(x is not None and y is not None for x, y in pairs):
        assert low == pytest.approx(high)


def test_a_cluster_is_one_draw_its_mean() -> None:
    assert draw_of([(1.0, 0.0), (1.0, 1.0), (0.5, 0.0), (0.0, 0.0)]) == Draw(0.375, 0.375)


def test_what_cannot_be_scored_speaks_against_both_claims() -> None:
    known = evidence_of(draws(*[0.0] * 300), 0.02, 0.02)
    partly = evidence_of([*draws(*[0.0] * 270), *[draw_of([(1.0, None)])] * 30], 0.02, 0.02)
    assert known.p_pass < 0.01 < partly.p_pass
    fallen = draws(*[1.0] * 10)
    assert evidence_of(fallen, 0.1, 0.1).p_fail < 0.01
    assert evidence_of([*[draw_of([(None, 0.0)])] * 30, *fallen], 0.1, 0.1).p_fail > 0.01


@given(st.lists(st.floats(-1.0, 1.0), max_size=60), st.floats(0.0, 0.3))
def test_a_verdict_is_certain_exactly_where_the_whole_interval_is_beyond_the_threshold(
    values: list[float], threshold: float
) -> None:
    evidence = evidence_of(draws(*values), threshold, threshold)
    lower, upper = interval_of(draws(*values), 0.01, 0.02)
    if abs(lower - threshold) > 1e-6:
        assert (evidence.p_fail <= 0.01) == (lower > threshold)
    if abs(upper - threshold) > 1e-6:
        assert (evidence.p_pass <= 0.02) == (upper < threshold)


@given(st.lists(st.floats(-1.0, 1.0), max_size=40), st.lists(st.floats(-1.0, 1.0), max_size=20))
def test_what_was_reached_stays_reached(first: list[float], then: list[float]) -> None:
    before, after = (evidence_of(draws(*d), 0.05, 0.05) for d in (first, first + then))
    assert after.p_fail <= before.p_fail
    assert after.p_pass <= before.p_pass


def test_a_judge_that_cannot_prove_a_pass_leaves_only_the_fail() -> None:
    evidence = evidence_of(draws(*[0.0] * 1000), 0.02, None)
    assert (evidence.for_pass, evidence.p_pass) == (0.0, 1.0)


def test_no_draws_are_no_evidence() -> None:
    evidence = evidence_of([], 0.02, 0.02)
    assert (evidence.p_fail, evidence.p_pass) == (1.0, 1.0)
    assert interval_of([], 0.01, 0.01) == (-1.0, 1.0)


@pytest.mark.parametrize("discordant", [0.02, 0.1, 0.4])
def test_at_the_boundary_false_fails_and_false_passes_are_at_most_one_percent(discordant: float) -> None:
    """A drop of exactly the threshold, looked at after every one of 1,500 draws: either claim is an error."""
    runs, threshold, alpha = 500, 0.02, 0.01
    lost, gained = (discordant + threshold) / 2, (discordant - threshold) / 2
    rng = np.random.default_rng(int(1000 * discordant))
    x = rng.choice([1.0, 0.0, -1.0], size=(runs, 1500), p=(lost, 1 - lost - gained, gained))
    found = [evidence_of(np.stack([row, row], axis=1), threshold, threshold) for row in x]
    # An error rate of exactly alpha would exceed this count once in 1,000 tests.
    allowed = int(binom.ppf(0.999, runs, alpha))
    assert sum(e.p_fail <= alpha for e in found) <= allowed
    assert sum(e.p_pass <= alpha for e in found) <= allowed


@given(st.floats(0.005, 0.5), st.floats(0.001, 0.1))
def test_a_pass_takes_just_so_many_pairs_without_a_difference(threshold: float, alpha: float) -> None:
    needed = pairs_to_pass(threshold, alpha)
    assert evidence_of(draws(*[0.0] * needed), threshold, threshold).p_pass <= alpha
    assert evidence_of(draws(*[0.0] * (needed - 1)), threshold, threshold).p_pass > alpha


@pytest.mark.parametrize(("threshold", "alpha"), [(0.02, 0.01), (0.05, 0.01), (0.1, 0.01), (0.1, 0.05)])
def test_the_pairs_for_a_pass_come_close_to_the_fewest_with_which_any_test_can(
    threshold: float, alpha: float
) -> None:
    # With fewer, a loss of the threshold shows in none of them with more than alpha.
    fewest = next(n for n in range(1000) if binom.pmf(0, n, threshold) <= alpha)
    assert fewest <= pairs_to_pass(threshold, alpha) <= 1.4 * fewest
