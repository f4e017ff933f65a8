"""The paired difference: certain both ways, or not certain."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, binom

from evaluator.diff import paired_diff, verdict_of


@pytest.mark.parametrize(
    ("lower", "upper", "verdict"),
    [(0.11, 0.5, "fail"), (0.10, 0.5, "inconclusive"), (-0.1, 0.09, "pass"), (-0.1, 0.1, "inconclusive")],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(lower: float, upper: float, verdict: str) -> None:
    assert verdict_of(lower, upper, 0.1) == verdict


def test_means_and_gap_are_over_the_pairs_that_are_scored() -> None:
    diff = paired_diff([1.0, 1.0, 0.0, None], [1.0, 0.0, 0.0, 1.0], 0.1, 0.05)
    assert (diff.n, diff.unscored) == (4, 1)
    assert (diff.base_mean, diff.candidate_mean) == pytest.approx((2 / 3, 1 / 3))
    assert diff.gap == pytest.approx(1 / 3)


def test_a_score_that_nobody_knows_widens_the_interval_on_both_sides() -> None:
    known = paired_diff([1.0] * 40, [1.0] * 40, 0.2, 0.05)
    unknown = paired_diff([1.0] * 40, [1.0] * 30 + [None] * 10, 0.2, 0.05)
    assert known.verdict == "pass"
    assert unknown.verdict == "inconclusive"
    assert unknown.lower <= known.lower
    assert unknown.upper > known.upper


def test_a_candidate_cannot_pass_by_answers_that_cannot_be_scored() -> None:
    assert paired_diff([1.0] * 100, [None] * 100, 0.1, 0.05).verdict == "inconclusive"


def test_no_pairs_are_inconclusive() -> None:
    diff = paired_diff([], [], 0.1, 0.05)
    assert diff.verdict == "inconclusive"
    assert (diff.gap, diff.lower, diff.upper) == (None, -1.0, 1.0)


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="3 and 2"):
        paired_diff([1.0] * 3, [1.0] * 2, 0.1, 0.05)


def test_pairing_beats_two_means() -> None:
    rng = np.random.default_rng(5)
    base = rng.choice([0.0, 1.0], size=200, p=(0.5, 0.5)).tolist()
    shuffled = rng.permutation(base).tolist()
    paired, unpaired = paired_diff(base, base, 0.1, 0.01), paired_diff(base, shuffled, 0.1, 0.01)
    assert paired.verdict == "pass"
    assert unpaired.verdict == "inconclusive"


def test_losses_only_come_close_to_the_exact_bound() -> None:
    # Where every difference is 0 or 1, the gap is a binomial chance.
    lost, n, alpha = 40, 60, 0.01
    diff = paired_diff([1.0] * n, [0.0] * lost + [1.0] * (n - lost), 0.1, alpha)
    exact = float(beta.ppf(alpha, lost, n - lost + 1))
    assert exact - 0.1 < diff.lower <= exact + 0.02


@pytest.mark.parametrize("claim", ["fail", "pass"])
def test_at_the_boundary_false_verdicts_are_rare(claim: str) -> None:
    alpha, runs, n, threshold = 0.05, 400, 80, 0.1
    rng = np.random.default_rng(2)
    drops = rng.choice([-1.0, 0.0, 1.0], size=(runs, n), p=(0.1, 0.7, 0.2))
    wrong = 0
    for differences in drops:
        base = np.where(differences < 0, 0.0, 1.0)
        wrong += paired_diff(base.tolist(), (base - differences).tolist(), threshold, alpha).verdict == claim
    assert wrong <= int(binom.ppf(0.9999, runs, alpha))


def test_each_claim_has_its_own_certainty() -> None:
    base, candidate = [1.0] * 60, [1.0] * 60
    assert paired_diff(base, candidate, 0.06, 0.001, alpha_pass=0.05).verdict == "pass"
    assert paired_diff(base, candidate, 0.06, 0.05, alpha_pass=0.001).verdict == "inconclusive"
