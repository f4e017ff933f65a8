"""The feed: the past in its order, what comes after it, and a broker that goes and comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from router.control.board import feed as feeding
from router.control.board.points import History
from router.control.board.view import View
from router.control.health import Pulse
from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Encoded
from telemetry.events import Event
from tests.router.control.board.values import publish, report, state, worker
from tests.router.values import decision


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "RETRY_S", 0.02)
    monkeypatch.setattr(feeding, "ASK_S", 0.02)
    monkeypatch.setattr(feeding, "POLL_S", 0.02)


class Watched(View):
    """A view whose changes can be waited for."""

    def __init__(self) -> None:
        super().__init__(lambda _: History())
        self.changed = threading.Condition()
        self.on_change = self._tell

    def _tell(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def wait(self, until: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(until, 5)

    def settled(self) -> int:
        found = self.rollout("r1")
        return -1 if found is None else found.line.settled

    def source(self) -> str:
        return self.overview().source.state


@contextmanager
def fed(bus: MemoryBus | None) -> Iterator[tuple[Watched, Pulse]]:
    view, stop, pulse = Watched(), threading.Event(), Pulse("board")
    thread = threading.Thread(target=feeding.feed, args=(view, bus, stop, pulse))
    thread.start()
    try:
        yield view, pulse
    finally:
        stop.set()
        thread.join(5)
        assert not thread.is_alive()


def test_the_past_is_told_by_its_times_though_two_topics_hold_it(bus: MemoryBus) -> None:
    publish(
        bus,
        state(1, 0, share=0.05),
        state(2, 10, share=0.25),
        report(5),
        report(10, e_value=7.0),
        report(15),
        decision(),
    )
    with fed(bus) as (view, _):
        view.wait(lambda: view.source() == "live")
        found = view.rollout("r1")
        assert found is not None
        assert found.path.share == (0.05, 0.05, 0.05, 0.25, 0.25)
        assert found.path.combined[3] == 7.0
        assert len(found.decisions) == 1


def test_what_comes_later_comes_too_and_what_cannot_be_read_is_passed_over(bus: MemoryBus) -> None:
    with fed(bus) as (view, _):
        view.wait(lambda: view.source() == "live")
        with bus.publisher() as publisher:
            publisher.send(Encoded(topics.WATCH, b"k", (), b"{"))
            publisher.send(codec.tombstone(topics.ROLLOUTS, "old"))
            publisher.flush()
        publish(bus, state(), report(5, settled=91), worker(6))
        view.wait(lambda: view.settled() == 91)


def test_it_outlives_the_broker_and_says_why_there_is_no_news(bus: MemoryBus) -> None:
    publish(bus, state(), report(5))
    with fed(bus) as (view, pulse):
        view.wait(lambda: view.source() == "live")
        bus.down = True
        view.wait(lambda: view.source() == "away")
        assert "told to be down" in str(view.overview().source.why)
        assert pulse.without_broker() is not None
        bus.down = False
        publish(bus, report(9, settled=95))
        view.wait(lambda: view.source() == "live" and view.settled() == 95)


def test_without_a_broker_it_says_that_there_is_none() -> None:
    with fed(None) as (view, _):
        view.wait(lambda: view.source() == "away")
        assert "no bootstrap_servers" in str(view.overview().source.why)


def test_of_a_year_of_decisions_the_last_are_read(bus: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "RECENT", 5)
    many = [decision("promote").model_copy(update={"event_id": str(n)}) for n in range(20)]
    publish(bus, state(), *many)
    with fed(bus) as (view, _):
        view.wait(lambda: view.source() == "live")
        found = view.rollout("r1")
        assert found is not None
        assert {one.decision_id for one in found.decisions} == {"15", "16", "17", "18", "19"}


def test_an_event_that_the_view_cannot_use_is_counted_and_hides_no_other(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(bus, state(), report(5, settled=50), report(6, settled=60))
    took = Watched.take

    def take(self: Watched, event: Event) -> None:
        if getattr(event, "settled", 0) == 50:
            raise ZeroDivisionError
        took(self, event)

    monkeypatch.setattr(Watched, "take", take)
    with fed(bus) as (view, pulse):
        view.wait(lambda: view.settled() == 60)
        assert pulse.alarms == 1
