"""Shares of traffic: the interval knows of subjects, the correction undoes what a tagger is known to confuse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from evaluator.map.mapping.shares import clustered, corrected, effective_classes


@pytest.mark.parametrize(("hits", "queries"), [(3, 40), (0, 25), (25, 25), (200, 400)])
def test_subjects_with_one_query_each_give_the_exact_binomial_interval(hits: int, queries: int) -> None:
    ones = [1] * hits + [0] * (queries - hits)
    found = clustered(ones, [1] * queries).estimate
    exact = binomtest(hits, queries).proportion_ci(method="exact")
    # S/(S-1) is the only difference to independent draws.
    assert found.low == pytest.approx(exact.low, abs=0.01)
    assert found.high == pytest.approx(exact.high, abs=0.01)


def test_subjects_that_are_all_of_one_kind_count_as_one_draw_each() -> None:
    ten_each = clustered([10] * 20 + [0] * 30, [10] * 50)
    once_each = clustered([1] * 20 + [0] * 30, [1] * 50)
    assert ten_each.draws == pytest.approx(once_each.draws, rel=0.06)
    assert ten_each.estimate.high - ten_each.estimate.low > 0.25


def test_a_subject_that_sends_most_of_a_share_never_seen_counts_once() -> None:
    # Kish: (1000 + 9)**2 / (1000**2 + 9).
    assert clustered([0] * 10, [1000] + [1] * 9).draws == pytest.approx(1.018, abs=0.001)


def test_nothing_and_one_subject_say_nothing() -> None:
    for hits, queries in ([], []), ([5], [9]), ([0, 0], [0, 0]):
        found = clustered(hits, queries).estimate
        assert (found.low, found.high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("share", "alike", "subjects", "each"), [(0.5, 1.0, 30, 10), (0.05, 1.0, 200, 10), (0.3, 5.0, 40, 20)]
)
def test_the_interval_covers_the_share_of_subjects_that_differ(
    share: float, alike: float, subjects: int, each: int
) -> None:
    random, runs, covered = np.random.default_rng(5), 400, 0
    for _ in range(runs):
        own = random.beta(share * alike, (1 - share) * alike, subjects)
        queries = random.geometric(1 / each, subjects)
        found = clustered(random.binomial(queries, own), queries).estimate
        covered += found.low <= share <= found.high
    # 95% is promised; 93% to 97% is what a thousand runs of such traffic give, and 400 leave two points of noise.
    assert covered / runs >= 0.91


CONFUSED = np.array([[0.80, 0.10, 0.00, 0.10], [0.05, 0.85, 0.05, 0.05], [0.00, 0.20, 0.70, 0.10]])
TRUE = np.array([0.6, 0.1, 0.2, 0.1])  # the last is no capability


def test_exact_tags_of_a_known_tagger_give_the_exact_shares() -> None:
    tagged = TRUE @ np.vstack([CONFUSED, [0, 0, 0, 1]])
    found = corrected(tagged.tolist(), 1e6, (CONFUSED * 1000).round().astype(int).tolist())
    assert [e.share for e in found.capabilities] == pytest.approx((TRUE[:3] / 0.9).tolist(), abs=1e-3)
    assert found.elsewhere.share == pytest.approx(0.1, abs=1e-3)
    # What the tags alone say is six points off in the second capability.
    assert abs(tagged[1] / tagged[:3].sum() - TRUE[1] / 0.9) > 0.05


def test_the_corrected_interval_covers_though_the_tagger_is_known_from_forty_exemplars_each() -> None:
    random, runs, covered = np.random.default_rng(6), 40, np.zeros(4)
    for _ in range(runs):
        counts = np.array([random.multinomial(40, row) for row in CONFUSED])
        tagged = random.multinomial(2000, TRUE @ np.vstack([CONFUSED, [0, 0, 0, 1]])) / 2000
        found = corrected(tagged.tolist(), 2000, counts.tolist())
        for index, estimate in enumerate([*found.capabilities, found.elsewhere]):
            true = TRUE[index] if index == 3 else TRUE[index] / 0.9
            covered[index] += estimate.low <= true <= estimate.high
    # 95% is promised; 34 of 40 leaves two and a half standard errors.
    assert covered.min() >= 34


def test_a_tagger_that_never_errs_changes_nothing() -> None:
    found = corrected([0.7, 0.3, 0.0], 500, [[40, 0, 0], [0, 40, 0]])
    assert [e.share for e in found.capabilities] == pytest.approx([0.7, 0.3])
    assert found.capabilities[0].low < 0.68
    assert found.elsewhere.share == 0.0


def test_traffic_that_is_all_untagged_says_nothing_of_the_shares() -> None:
    found = corrected([0.0, 0.0, 1.0], 500, [[40, 0, 0], [0, 40, 0]])
    assert found.elsewhere.share == pytest.approx(1.0)


def test_breadth_is_the_number_of_equal_shares() -> None:
    assert effective_classes([1.0]) == pytest.approx(1.0)
    assert effective_classes([0.2] * 5) == pytest.approx(5.0)
    assert 1.0 < effective_classes([0.9, 0.1]) < 2.0
