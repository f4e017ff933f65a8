"""When a judge is given up: after some attempts and some time without any answer, or where it refuses everybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from evaluator.judge.judges.standing import IN_A_ROW, PATIENCE_S, REST_S, Standing

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def fail(standing: Standing, *began: float) -> None:
    for at in began:
        standing.failed(at, START + timedelta(seconds=at), f"nobody at {at:g}")


def test_it_takes_as_many_failures_as_that_and_as_long() -> None:
    quick, few, both = Standing(), Standing(), Standing()
    fail(quick, *[0.0] * 100)
    fail(few, *[0.0] * (IN_A_ROW - 1))
    fail(both, *[0.0] * IN_A_ROW)
    assert not quick.given_up(PATIENCE_S - 0.1)
    assert not few.given_up(1000.0)
    assert both.given_up(PATIENCE_S)


def test_the_first_failure_is_since_when_and_the_last_is_why() -> None:
    standing = Standing()
    fail(standing, 1.0, 2.0, 3.0)
    assert (standing.since, standing.last) == (START + timedelta(seconds=1), "nobody at 3")


def test_one_answer_ends_it() -> None:
    standing = Standing()
    fail(standing, 0.0, 1.0, 2.0, 3.0)
    assert standing.given_up(4.0)
    standing.answered()
    assert (standing.given_up(4.0), standing.since) == (False, None)
    fail(standing, 5.0)
    assert standing.since == START + timedelta(seconds=5)
    assert not standing.given_up(100.0)


def test_who_refuses_everybody_is_given_up_at_once() -> None:
    standing = Standing()
    standing.failed(0.0, START, "no such key", for_all=True)
    assert standing.given_up(0.0)


def test_a_judge_that_is_away_lets_in_one_at_a_time_who_tries_whether_it_is_back() -> None:
    standing = Standing()
    assert all(standing.lets_in(0.0, until=9.0) for _ in range(3))
    fail(standing, 0.0, 1.0, 2.0, 3.0)
    assert not standing.lets_in(3.0 + REST_S - 0.1, until=99.0)
    assert standing.lets_in(3.0 + REST_S, until=99.0)
    assert not standing.lets_in(99.0, until=199.0), "somebody is asking it, or has not said how it went"
    assert standing.lets_in(99.0 + REST_S, until=199.0)
    standing.failed(104.0, START, "still away", ended=110.0)
    assert not standing.lets_in(110.0, until=199.0)
    assert standing.lets_in(110.0 + REST_S, until=199.0)
    standing.answered()
    assert all(standing.lets_in(120.0, until=199.0) for _ in range(3))
