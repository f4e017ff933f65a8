"""A thread of control that ended or hangs is seen, and why."""

from __future__ import annotations

import threading

import pytest

from router.control.health import Pulse, health


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_thread_that_goes_round_is_well(clock: Clock) -> None:
    pulse = Pulse("loop", 60.0, clock)
    clock.now = 59.0
    pulse.beat()
    clock.now = 118.0
    assert health([pulse]) == ("ok", (), 0)


def test_a_thread_that_hangs_is_given_up(clock: Clock) -> None:
    pulse = Pulse("loop", 60.0, clock)
    clock.now = 61.0
    assert health([pulse]) == ("dead", ("loop has not gone round for 61 s: it hangs",), 0)


def test_one_that_starts_over_for_ever_is_given_up_with_what_troubles_it(clock: Clock) -> None:
    pulse = Pulse("loop", 60.0, clock)
    for clock.now in (30.0, 61.0):
        pulse.trouble("the disk is full")
    assert health([pulse]).reasons == ("loop has not gone round for 61 s: the disk is full",)


def test_a_broker_that_is_away_for_long_is_no_dead_thread(clock: Clock) -> None:
    pulse = Pulse("loop", 60.0, clock)
    for clock.now in (40.0, 80.0):
        pulse.away("nobody answers")
    assert health([pulse]) == ("no_broker", ("loop: nobody answers",), 0)
    pulse.beat()
    assert health([pulse]).status == "ok"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_outweighs_everything_and_is_an_alarm() -> None:
    dying, away = Pulse("loop"), Pulse("attesting")
    away.away("nobody answers")

    def work() -> None:
        raise SystemError("a mistake of ours")

    thread = threading.Thread(target=dying.guarded(work))
    thread.start()
    thread.join()
    assert health([dying, away]) == ("dead", ("loop has ended: SystemError: a mistake of ours",), 1)


def test_a_thread_that_was_told_to_stop_is_over_and_no_alarm() -> None:
    pulse = Pulse("loop")
    pulse.guarded(lambda: None)()
    assert health([pulse]) == ("dead", ("loop has ended: it was told to stop",), 0)
