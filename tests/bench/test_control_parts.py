"""Parts of bench/control.py that need no browser: many streams, and a story whose rollback is real."""

import asyncio
import time

from _control.served import publish, under_way
from _control.story import story
from _control.streams import updates

from telemetry import codec, topics
from telemetry.events import RolloutChanged, WatchReported, now


def test_a_report_reaches_every_stream_and_is_timed(tmp_path):
    served, _ = under_way(tmp_path, scores=40)
    told = [codec.decode(record) for record in served.bus.logs[topics.WATCH, 0]]
    last = [event for event in told if isinstance(event, WatchReported)][-1]

    def report(count):
        at = time.time() * 1000
        publish(served.bus, [last.model_copy(update={"time": now(), "settled": count})])
        return at

    with served:
        delays = asyncio.run(updates(served.url, 20, [123_456], report))
    assert [len(one) for one in delays] == [20]
    assert all(delay >= 0 for delay in delays[0])


def test_the_story_is_rolled_back_by_its_own_evidence(tmp_path):
    told = story(tmp_path, "r1", now(), seed=6)
    events = list(told.tell(6000, after=1))
    last = [event for event in events if isinstance(event, RolloutChanged)][-1]
    assert (last.status, last.actor) == ("rolled_back", "belay/evaluator")
    assert "multi_step_reasoning" in last.reason
