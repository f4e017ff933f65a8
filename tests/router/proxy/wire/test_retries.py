"""An engine in trouble does not get its requests twice."""

from __future__ import annotations

from router.proxy.wire.retries import RetryBudget


def test_a_burst_may_be_sent_again_and_then_one_in_ten() -> None:
    budget = RetryBudget()
    assert sum(budget.take() for _ in range(200)) == 100
    again = 0
    for _ in range(1000):
        budget.asked()
        again += budget.take()
    assert 99 <= again <= 100
    assert (budget.taken, budget.refused) == (100 + again, 100 + 1000 - again)


def test_a_budget_that_is_not_used_grows_no_further() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        budget.asked()
    assert sum(budget.take() for _ in range(200)) == 100
