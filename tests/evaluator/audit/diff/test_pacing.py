"""Pacing: chunks that shrink towards the end, and an end where nothing can change any more."""

from __future__ import annotations

from math import inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.audit.diff.pacing import draws_to_go, next_chunk, out_of_reach
from evaluator.audit.diff.paired import Evidence, evidence_of
from evaluator.audit.diff.settings import GateSettings

SETTINGS = GateSettings()
NEEDED = log(1 / SETTINGS.alpha_pass)


@given(st.integers(0, 5000), st.floats(0, 10), st.floats(0, 10), st.integers(1, 5000))
def test_a_chunk_is_at_least_the_smallest_and_never_more_than_is_left(
    draws: int, for_fail: float, for_pass: float, left: int
) -> None:
    chunk = next_chunk(Evidence(draws, for_fail, for_pass), left, 0.01, SETTINGS)
    assert min(SETTINGS.chunk, left) <= chunk <= min(8 * SETTINGS.chunk, left)


def test_the_nearer_the_end_the_smaller_the_chunk() -> None:
    chunks = [next_chunk(Evidence(200, 0.0, NEEDED * part), 5000, 0.01, SETTINGS) for part in (0.2, 0.6, 0.9)]
    assert chunks == sorted(chunks, reverse=True)
    assert chunks[-1] == SETTINGS.chunk


def test_what_is_left_to_ask_follows_from_the_faster_of_the_two() -> None:
    assert draws_to_go(Evidence(100, 0.0, NEEDED / 2), 0.01, SETTINGS.alpha_pass) == pytest.approx(100)
    assert draws_to_go(Evidence(100, NEEDED / 4, NEEDED / 2), 0.01, SETTINGS.alpha_pass) == pytest.approx(100)
    assert draws_to_go(Evidence(100, 0.0, 0.0), 0.01, SETTINGS.alpha_pass) == inf
    assert draws_to_go(Evidence(100, 0.0, NEEDED), 0.01, SETTINGS.alpha_pass) == 0.0


@given(
    st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), max_size=40),
    st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), max_size=12),
)
def test_what_is_out_of_reach_is_reached_by_no_continuation(met: list[float], rest: list[float]) -> None:
    threshold = 0.1
    draws = np.array([[x, x] for x in met]).reshape(-1, 2)
    whole = np.array([[x, x] for x in met + rest]).reshape(-1, 2)
    if out_of_reach(draws, len(rest), threshold, threshold, SETTINGS):
        evidence = evidence_of(whole, threshold, threshold)
        assert evidence.p_fail > SETTINGS.alpha_fail
        assert evidence.p_pass > SETTINGS.alpha_pass


def test_nothing_asked_and_enough_left_is_within_reach() -> None:
    assert not out_of_reach(np.empty((0, 2)), 20, 0.1, 0.1, SETTINGS)
    assert out_of_reach(np.empty((0, 2)), 2, 0.1, 0.1, SETTINGS)
    assert not out_of_reach(np.empty((0, 2)), 20, 0.1, None, SETTINGS)
