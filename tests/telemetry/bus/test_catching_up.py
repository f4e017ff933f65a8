"""Reading to the end: all that is there now, no waiting for what comes later, and no end that never comes."""

from __future__ import annotations

import pytest

from telemetry import topics
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Encoded, Record
from telemetry.errors import BrokerUnavailable


def test_it_stops_at_the_end_as_it_was() -> None:
    bus = MemoryBus()
    bus.ensure_topics()
    with bus.publisher() as publisher:
        for number in range(3):
            publisher.send(Encoded(topics.SCORES, b"r", (), str(number).encode()))
        publisher.flush()
    with bus.reader([topics.SCORES]) as reader:
        assert [record.value for record in read_to_end(reader)] == [b"0", b"1", b"2"]


def test_an_empty_topic_ends_at_once() -> None:
    bus = MemoryBus()
    bus.ensure_topics()
    with bus.reader([topics.DECISIONS]) as reader:
        assert list(read_to_end(reader)) == []


def test_a_topic_that_stays_silent_before_its_end_is_an_unavailable_broker() -> None:
    class Silent:
        def poll(self, timeout_s: float) -> list[Record]:  # noqa: ARG002 - the protocol's
            return []

        def end_offsets(self) -> dict[tuple[str, int], int]:
            return {(topics.ROLLOUTS, 0): 4}

    with pytest.raises(BrokerUnavailable, match=r"belay\.rollouts/0"):
        list(read_to_end(Silent(), patience_s=0.0))  # type: ignore[arg-type]  # as much of a Reader as is asked
