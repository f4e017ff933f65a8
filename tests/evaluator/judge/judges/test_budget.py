"""A budget an hour: no hour has more requests than that, and what it gives back it gives back in time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evaluator.judge.judges.budget import HOUR_S, HourlyBudget


@given(st.integers(1, 5), st.lists(st.floats(0.0, HOUR_S / 2), max_size=60))
def test_no_hour_has_more_requests_and_none_is_refused_without_need(limit: int, waits: list[float]) -> None:
    budget, now, taken = HourlyBudget(limit), 0.0, list[float]()
    for wait in waits:
        now += wait
        before = sum(now - at < HOUR_S for at in taken)
        assert budget.full(now) == (before >= limit)
        if budget.take(now):
            taken.append(now)
        assert sum(now - at < HOUR_S for at in taken) == min(limit, before + 1)


def test_without_a_limit_there_is_always_some_left() -> None:
    budget = HourlyBudget(None)
    assert all(budget.take(0.0) for _ in range(1000))
    assert not budget.full(0.0)
