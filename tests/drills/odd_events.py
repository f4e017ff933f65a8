"""Clocks that are an hour off; events that come twice, out of order, or are none."""

from __future__ import annotations

import time
from collections import Counter
from typing import Final

from telemetry import topics
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.protocols import Encoded
from telemetry.events import DeadLettered
from telemetry.reading import Unreadable, events_in
from tests.drills.drill import Drill
from tests.drills.scenario import Scenario

HOUR_S: Final = 3600.0
OURS: Final = ("router", "forwarder", "worker", "control")
GARBAGE: Final = (b"\x00\xff\x13", b"{}", b"[1, 2", b"x" * 900_000)


def clocks_off() -> Scenario:
    """Each part once with a clock an hour ahead, once with one an hour behind; then a rollback by hand."""

    def breaks(drill: Drill) -> list[str]:
        for ahead_s in (HOUR_S, -HOUR_S):
            for name in OURS:
                drill.parts.stop(name)
                drill.parts.start(name, clock_s=ahead_s)
                time.sleep(1.0)
            before = drill.settled()
            drill.must(lambda before=before: drill.settled() > before + 300, "the watch goes on")  # type: ignore[misc]  # mypy cannot type a lambda's default
        word = {"actor": "drill", "reason": "a clock was off"}
        drill.must(drill.control, "control answers")
        drill.http.post(f"{drill.url('control')}/rollouts/drill/rollback", json=word).raise_for_status()
        rolled = drill.until(lambda: drill.router().get("share") == 0.0, 10.0)
        return [] if rolled else ["a rollback with a clock that went back reached no router"]

    return Scenario("clocks an hour ahead and behind", breaks)


def odd_events() -> Scenario:
    """Records sent twice and in reverse, and records that are no events, in every topic that somebody reads."""
    read = (topics.INTERACTIONS, topics.SCORES, topics.DECISIONS, topics.ROLLOUTS)

    def breaks(drill: Drill) -> list[str]:
        drill.must(lambda: drill.settled() >= 600, "something was folded")
        with drill.bus.publisher() as publisher:
            for topic in (topics.INTERACTIONS, topics.SCORES, topics.DECISIONS):
                for again in reversed(_all_of(drill, topic)):
                    publisher.send(again)
            for topic in read:
                for number, value in enumerate(GARBAGE):
                    publisher.send(Encoded(topic, f"odd{number}".encode(), (("ce_type", b"odd"),), value))
            publisher.flush()
        wanted = dict.fromkeys(read, len(GARBAGE))
        buried = drill.until(lambda: _buried(drill) == wanted, 30.0)
        return [] if buried else [f"dead letters are {dict(_buried(drill))}, expected {wanted}"]

    return Scenario("events twice, reversed, unreadable", breaks)


def _all_of(drill: Drill, topic: str) -> list[Encoded]:
    with drill.bus.reader([topic]) as reader:
        return [
            Encoded(topic, record.key or b"", record.headers, record.value) for record in read_to_end(reader)
        ]


def _buried(drill: Drill) -> Counter[str]:
    letters = [event for _, event in events_in(drill.bus, topics.DEAD_LETTERS, Unreadable())]
    return Counter(event.topic for event in letters if isinstance(event, DeadLettered))
