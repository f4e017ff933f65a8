"""Lag and freshness of each stage, as far as somebody told."""

from __future__ import annotations

from router.control.board.points import History
from router.control.board.seen import Seen, Worker
from router.control.board.stages import stages
from tests.router.control.board.values import later, report, state, worker


def test_what_waits_is_added_up_and_one_that_stands_by_decides_nothing() -> None:
    seen = Seen(History(), state=state(), report=report(5))
    workers = {
        "w1": Worker(worker(9, scorer_lag=3, decider_lag=4, behind_s=0.5, sent_s=0.2), moved=later(8)),
        "w2": Worker(worker(7, worker="w2", scorer_lag=2, decider_lag=99, behind_s=2.5, stands_by=True)),
    }
    told = {one.stage: one for one in stages(seen, workers)}
    assert (told["router and forwarder"].at, told["router and forwarder"].behind_s) == (later(8), 0.2)
    assert (told["scorer"].at, told["scorer"].waiting, told["scorer"].behind_s) == (later(9), 5, 2.5)
    assert (told["decider"].at, told["decider"].waiting) == (later(5), 4)


def test_what_nobody_told_is_not_made_up() -> None:
    told = stages(Seen(History(), state=state()), {"w1": Worker(worker(9))})
    assert [one.waiting for one in told] == [None] * len(told)
    assert [one.at for one in stages(Seen(History()), {})] == [None] * len(told)
