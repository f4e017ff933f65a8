"""Parts of bench/router.py that need no peer: the stub engine, and who asks it."""

import pytest
from _router.load import Clock, streams
from _router.served import engines


@pytest.fixture(scope="module")
def engine():
    with engines() as ports:
        yield ports[0]


def test_the_clock_asks_at_its_rate_and_times_every_answer(engine):
    taken = Clock(engine, rate=400.0, seed=7, connections=8).run(0.25)
    assert 60 <= len(taken) <= 140
    assert taken == sorted(taken)
    assert taken[0] > 0.0


def test_a_stream_counts_where_all_of_its_events_came(engine):
    assert streams(engine, 20, events=3, tick_ms=2) == 20
