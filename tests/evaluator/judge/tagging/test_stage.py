"""A stage names the capability whose exemplars are nearest, and is only as sure as held-out prompts bear out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.judge.tagging.stage import NEIGHBOURS, OUTSIDE, Certainty, Known, likeness


def rows(*angles: float) -> np.ndarray:
    return np.stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))], axis=1).astype(np.float32)


def test_likeness_is_the_mean_of_the_nearest_exemplars_of_each() -> None:
    cosines = np.array([[0.9, 0.8, 0.7, 0.1, -0.5, 0.2]], np.float32)
    labels = np.array([0, 0, 0, 0, 1, OUTSIDE])
    found = likeness(cosines, labels, 3)[0]
    assert found == pytest.approx([np.mean([0.9, 0.8, 0.7]), -0.5, -1.0, 0.2], abs=1e-6)
    assert NEIGHBOURS == 3


def test_the_nearest_exemplars_capability_is_named() -> None:
    known = Known.fit(rows(0, 5, 10, 90, 95, 100, 180, 185), np.array([0, 0, 0, 1, 1, 1, -1, -1]), 2)
    looked = known.look(rows(4, 93))
    assert looked.best.tolist() == [0, 1]
    assert (looked.none < 0.5).all()
    assert known.look(rows(184)).none[0] > 0.5


def test_where_exemplars_lie_dense_the_same_likeness_says_less() -> None:
    known = Known.fit(
        rows(0, 1, 2, 3, 120, 132, 144, 156, 240, 241), np.array([0] * 4 + [1] * 4 + [-1, -1]), 2
    )
    # Beside exemplars a degree apart, and amid exemplars twelve degrees apart: about as like the nearest three.
    dense, sparse = known.look(rows(15, 138)).signals
    assert dense[0] == pytest.approx(sparse[0], abs=0.01)
    assert dense[-1] < 0.0 < sparse[-1]


def test_a_capability_without_an_exemplar_is_never_likely() -> None:
    known = Known.fit(rows(0, 5, 180, 185), np.array([0, 0, -1, -1]), 2)
    assert known.look(rows(2, 90, 182)).best.tolist() == [0, 0, 0]


@given(st.lists(st.floats(-5, 5), min_size=8, max_size=40))
def test_certainty_grows_with_a_signal_that_says_right(values: list[float]) -> None:
    signals = np.array([*values, -6.0, 6.0])[:, None]
    certainty = Certainty.fit(signals, signals[:, 0] > 0.0, np.ones(len(signals)))
    sure = certainty(np.array([[-6.0], [0.0], [6.0]]))
    assert sure[0] < sure[1] < sure[2]


@pytest.mark.parametrize("right", [True, False])
def test_where_all_were_right_or_none_was_there_is_no_slope(right: bool) -> None:
    certainty = Certainty.fit(np.arange(6.0)[:, None], np.full(6, right), np.ones(6))
    sure = certainty(np.array([[0.0], [100.0]]))
    assert sure[0] == sure[1]
    assert (sure[0] > 0.9) == right
