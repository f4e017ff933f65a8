"""A group's reading ends with silence, and silence begins when there is something to read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from evaluator.judge.tagging.tagger import Tag
from evaluator.map.mapping import reading
from telemetry import topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Record
from telemetry.errors import InfrastructureError
from telemetry.events import ShadowAnswered, ShadowDraw
from tests.evaluator.support.interactions import answer, interaction
from tests.evaluator.support.logs import publish


class Clock:
    """Time that passes by polling alone."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


class Joins:
    """A reader whose group gives it partitions after `after_s` seconds, and which then has three records."""

    def __init__(self, clock: Clock, after_s: float) -> None:
        self._clock, self._after_s, self._left = clock, after_s, 3

    def joined(self) -> bool:
        return self._clock.now >= self._after_s

    def poll(self, timeout_s: float) -> list[Record]:
        self._clock.now += timeout_s
        if not self.joined() or not self._left:
            return []
        self._left -= 1
        return [Record(topics.INTERACTIONS, 0, 3 - self._left, b"k", [], b"v", 0)]

    def end_offsets(self) -> dict[tuple[str, int], int]:
        return {}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(reading, "time", found)
    return found


@pytest.mark.parametrize("after_s", [0.0, 5.0, 30.0])
def test_a_group_that_takes_its_time_to_give_partitions_is_read_all_the_same(
    clock: Clock, after_s: float
) -> None:
    found = list(reading._read_on(Joins(clock, after_s)))  # type: ignore[arg-type]  # as much of a Reader as is asked
    assert len(found) == 3
    assert clock.now < after_s + reading._QUIET_S + 2.0


def test_a_group_that_gives_none_is_an_error_and_not_an_empty_topic(clock: Clock) -> None:
    with pytest.raises(InfrastructureError, match="gave no partition"):
        list(reading._read_on(Joins(clock, 1e9)))  # type: ignore[arg-type]  # likewise


class Nothing:
    """Tags nothing."""

    def tag(self, prompts: Sequence[str]) -> list[Tag]:
        return [Tag(capability=None, confidence=1.0) for _ in prompts]


@pytest.mark.parametrize("newest", [None, 3])
def test_shadows_answers_are_no_queries_and_take_no_interactions_place(newest: int | None) -> None:
    bus = MemoryBus()
    bus.ensure_topics()
    for number in range(3):
        own = interaction(number, draw=ShadowDraw(capability=None, fraction=1.0, drawn=True))
        shadow = ShadowAnswered(
            source="test", interaction_id=own.event_id, rollout_id="r1", assignment=own.assignment,
            text_policy="full", shadow=answer(by="candidate"),
        )  # fmt: skip
        publish(bus, [own, shadow])
    window = reading.Window(newest=newest)
    traffic = reading.read_traffic(["facts"], Nothing(), bus, window, lambda *_: None)
    assert traffic.first == interaction(0).time
    assert traffic.last == interaction(2).time
    assert traffic.unusable.total() == 0
