"""A budget per minute lets in no more than it says, however requests come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.proxy.keys.buckets import Bucket, filled, full, seconds_until, taken, with_limit

WAITS = st.lists(st.floats(0.0, 90.0), min_size=1, max_size=60)


@given(st.integers(1, 1000), WAITS)
def test_no_span_of_time_lets_in_more_than_a_full_bucket_and_what_flows_in(
    limit: int, waits: list[float]
) -> None:
    bucket, at, let_in = full(limit, 0.0), 0.0, []
    for wait in waits:
        at += wait
        bucket = filled(bucket, at)
        while bucket.level >= 1.0:
            bucket = taken(bucket, 1.0)
            let_in.append(at)
    for first, begin in enumerate(let_in):
        within = let_in[first:]
        assert len(within) <= limit + (within[-1] - begin) * limit / 60.0 + 1.0


@given(st.integers(1, 1000), st.floats(-5000.0, 1000.0), st.floats(0.0, 1000.0))
def test_a_level_is_there_after_the_seconds_that_were_said_and_not_before(
    limit: int, level: float, wanted: float
) -> None:
    bucket, wanted = Bucket(limit, min(level, limit), 100.0), min(wanted, limit)
    wait = seconds_until(bucket, wanted)
    assert filled(bucket, 100.0 + wait).level == pytest.approx(max(wanted, bucket.level), abs=1e-6)
    if wait > 1e-3:
        assert filled(bucket, 100.0 + wait * 0.99).level < wanted


@given(st.integers(1, 1000), st.floats(0.0, 5000.0))
def test_what_was_spent_stays_spent_under_another_limit(limit: int, spent: float) -> None:
    changed = with_limit(taken(full(100, 0.0), spent), limit)
    assert changed.level == pytest.approx(limit - spent)


def test_a_bucket_may_go_below_zero_and_fills_no_further_than_its_limit() -> None:
    bucket = taken(full(60, 0.0), 90.0)
    assert bucket.level == -30.0
    assert [filled(bucket, at).level for at in (0.0, 30.0, 31.0, 1000.0)] == [-30.0, 0.0, 1.0, 60.0]


def test_a_clock_that_goes_back_fills_nothing() -> None:
    assert filled(taken(full(60, 100.0), 10.0), 50.0) == Bucket(60, 50.0, 100.0)
