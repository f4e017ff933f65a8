"""When a judge is given up: after some attempts and some time without any answer, or where it refuses everybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from evaluator.judge.judges.standing import IN_A_ROW, PATIENCE_S, Standing

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
