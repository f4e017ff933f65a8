"""Holm: one error over all hypotheses, and nothing that was refused is ever taken back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from evaluator.audit.diff.holm import holm_levels

P_VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12)


def refused(p_values: list[float], alpha: float) -> list[bool]:
    return [p <= level for p, level in zip(p_values, holm_levels(p_values, alpha), strict=True)]


@given(P_VALUES, st.floats(0.001, 0.5))
def test_it_refuses_what_the_textbook_refuses(p_values: list[float], alpha: float) -> None:
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    expected = [False] * len(p_values)
    for rank, index in enumerate(order):
        if p_values[index] > alpha / (len(p_values) - rank):
            break
        expected[index] = True
    assert refused(p_values, alpha) == expected


@given(P_VALUES, st.data())
def test_falling_p_values_never_take_a_refusal_back(p_values: list[float], data: st.DataObject) -> None:
    lower = [p * data.draw(st.floats(0.0, 1.0)) for p in p_values]
    assert all(
        after or not before
        for before, after in zip(refused(p_values, 0.05), refused(lower, 0.05), strict=True)
    )


def test_any_false_refusal_is_as_rare_as_alpha_though_the_true_falls_are_found() -> None:
    """Eight nulls that hang together, and two that are false."""
    runs, alpha = 2000, 0.05
    rng = np.random.default_rng(3)
    shared = rng.random((runs, 1))
    p = np.where(rng.random((runs, 8)) < 0.5, shared, rng.random((runs, 8)))
    p = np.concatenate([p, np.full((runs, 2), 1e-6)], axis=1)
    found = np.array([refused(row.tolist(), alpha) for row in p])
    assert found[:, 8:].all()
    assert found[:, :8].any(axis=1).sum() <= int(binom.ppf(0.9999, runs, alpha))


def test_one_hypothesis_has_the_whole_level() -> None:
    assert holm_levels([0.4], 0.01) == [0.01]
    assert holm_levels([], 0.01) == []


def test_equal_p_values_share_a_fate() -> None:
    assert refused([0.004, 0.004, 0.004], 0.01) == [False] * 3
    assert refused([0.003, 0.003, 0.003], 0.01) == [True] * 3
