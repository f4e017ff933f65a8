from __future__ import annotations

import threading
import time

from telemetry.bus.lag import Lag, measure_until
from telemetry.bus.memory_bus import MemoryBus
from telemetry.codec import encode
from telemetry.topics import INTERACTIONS, SCORES
from tests.evaluator.support.interactions import interaction


def filled(count: int) -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    with bus.publisher() as publisher:
        for number in range(count):
            publisher.send(encode(interaction(number)))
        publisher.flush()
    return bus


def until(lag: Lag, records: int | None) -> None:
    deadline = time.monotonic() + 10
    while lag.records != records:
        assert time.monotonic() < deadline, f"{lag.records}, waited for {records}"
        time.sleep(0.005)


def test_the_lag_is_what_lies_behind_what_is_done_whatever_was_read() -> None:
    bus, stop, lag = filled(20), threading.Event(), Lag(INTERACTIONS, every_s=0.0)
    with bus.reader([INTERACTIONS]) as reader:
        thread = threading.Thread(target=measure_until, args=(stop, bus, [lag], 0.01))
        thread.start()
        lag.stand(reader)
        until(lag, None)
        records = reader.poll(0)
        lag.stand(reader)
        until(lag, 20 - len(records))
        first = records[0]
        lag.stand(reader, lambda: {(first.topic, first.partition): first.offset + 1})
        own = sum((r.topic, r.partition) == (first.topic, first.partition) for r in records)
        until(lag, 20 - len(records) + own - 1)
        bus.down = True
        until(lag, None)
        bus.down = False
        until(lag, 20 - len(records) + own - 1)
        stop.set()
        thread.join()


def test_a_reader_that_holds_no_partition_of_the_topic_has_no_lag_that_is_known() -> None:
    lag = Lag(SCORES)
    with filled(1).reader([INTERACTIONS]) as reader:
        lag.stand(reader)
    lag.measure({(INTERACTIONS, 0): 5})
    assert lag.records is None


def test_where_a_reader_stands_is_asked_for_now_and_then() -> None:
    bus, now = filled(4), [0.0]
    lag = Lag(INTERACTIONS, clock=lambda: now[0])
    with bus.reader([INTERACTIONS]) as reader:
        ends = reader.end_offsets()
        lag.stand(reader)
        reader.poll(0)
        lag.stand(reader)
        lag.measure(ends)
        assert lag.records is None
        now[0] = 5.0
        lag.stand(reader)
        lag.measure(ends)
        assert lag.records == 0
