"""A budget per minute lets in no more than it says, however requests come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.proxy.keys.buckets import ONE, charged, level, seconds_until, under

WAITS = st.lists(st.floats(0.0, 90.0), min_size=1, max_size=60)
BEGAN = 1e6
"""A machine that has been up for eleven days: what is added to its clock is rounded."""


@given(st.integers(1, 1000), WAITS)
def test_no_span_of_time_lets_in_more_than_a_full_bucket_and_what_flows_in(
    limit: int, waits: list[float]
) -> None:
    full_at, at, let_in = 0.0, BEGAN, []
    for wait in waits:
        at += wait
        while level(limit, full_at, at) >= ONE:
            full_at = charged(limit, full_at, at, 1.0)
            let_in.append(at)
    for first, begin in enumerate(let_in):
        within = let_in[first:]
        assert len(within) <= limit + (within[-1] - begin) * limit / 60.0 + 1.0


@pytest.mark.parametrize("limit", [1, 7, 600, 10_000])
def test_all_of_a_full_bucket_is_there_at_once(limit: int) -> None:
    full_at = 0.0
    for _ in range(limit):
        assert level(limit, full_at, BEGAN) >= ONE
        full_at = charged(limit, full_at, BEGAN, 1.0)
    assert level(limit, full_at, BEGAN) < ONE


@given(st.integers(1, 1000), st.floats(0.0, 5000.0), st.floats(0.0, 1000.0))
def test_a_level_is_there_after_the_seconds_that_were_said_and_not_before(
    limit: int, spent: float, wanted: float
) -> None:
    full_at, wanted = charged(limit, 0.0, 100.0, spent), min(wanted, limit)
    wait = seconds_until(limit, full_at, 100.0, wanted)
    assert level(limit, full_at, 100.0 + wait) == pytest.approx(max(wanted, limit - spent), abs=1e-6)
    if wait > 1e-3:
        assert level(limit, full_at, 100.0 + wait * 0.99) < wanted


@given(st.integers(1, 1000), st.floats(0.0, 5000.0))
def test_what_was_spent_stays_spent_under_another_limit(limit: int, spent: float) -> None:
    full_at = charged(100, 0.0, 5.0, spent)
    assert level(limit, under(limit, 100, full_at, 5.0), 5.0) == pytest.approx(limit - spent)


def test_a_bucket_may_go_below_zero_and_fills_no_further_than_its_limit() -> None:
    full_at = charged(60, 0.0, 0.0, 90.0)
    assert [level(60, full_at, at) for at in (0.0, 30.0, 31.0, 1000.0)] == [-30.0, 0.0, 1.0, 60.0]
