"""Control's app on a port of this machine, fed from a bus in memory: what tests and benchmarks look at."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn

from _control.story import UNCHANGED, Story, story
from belay.steps.page_forms import PagePlanner
from evaluator.judge.reviewing.serving import Reviews
from router.control.actor import Control
from router.control.api import Forms, create_app
from router.control.board.board import Board
from router.control.board.feed import feed
from router.control.gate import Gate
from router.control.health import Pulse
from router.control.rollout import Close
from serving.server import listen
from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.events import Event, InteractionRecorded, LogPlace, ShadowAnswered, Stage

PLANS = Forms(PagePlanner())


class Served:
    """One control with its page. `start` and `stop` as often as wanted: the port, the bus and the files stay.

    Audits and trainings are looked for in `audits` and `models` of its folder.
    """

    def __init__(
        self,
        control: Control,
        bus: MemoryBus | None,
        folder: Path,
        gate: Gate | None = None,
        forms: Forms = PLANS,
    ) -> None:
        self.control, self.bus, self.folder = control, bus, folder
        self.port, self.gate, self.forms = 0, gate or Gate(None), forms
        self.board: Board | None = None
        self._reviewing: Reviews | None = None
        self._server: uvicorn.Server | None = None
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Serve; returns when requests are answered."""
        self._stop = threading.Event()
        self.board = Board(self.control, self.bus, self.folder, self.folder / "models")
        pulse = Pulse("board")
        listener = listen("127.0.0.1", self.port)
        self.port = int(listener.getsockname()[1])
        config = uvicorn.Config(
            self.gate.before(
                create_app(self.control, board=self.board, forms=self.forms, reviewing=self._reviews)
            ),
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        work = (
            lambda: self._server.run(sockets=[listener]) if self._server else None,
            lambda: feed(self.board.view, self.bus, self._stop, pulse) if self.board else None,
        )
        self._threads = [threading.Thread(target=one, daemon=True) for one in work]
        for thread in self._threads:
            thread.start()

    def _reviews(self) -> Reviews | None:
        if self._reviewing is None and self.bus is not None and self.board is not None:
            self._reviewing = Reviews(self.bus, self.board.find)
        return self._reviewing

    def stop(self) -> None:
        """Serve no more."""
        self._stop.set()
        if self._server is not None and self.board is not None:
            self.board.end_soon()
            self._server.should_exit = True
        for thread in self._threads:
            thread.join(10)

    def __enter__(self) -> Served:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def publish(bus: MemoryBus, events: Iterable[Event], told: Story | None = None) -> None:
    """Put events on a bus; where the log holds an interaction or its shadow's answer is told to the story."""
    with closing(bus.publisher()) as publisher:
        for event in events:
            before = {where: bus.end(where) for where in bus.partitions(event.TOPIC)}
            publisher.send(codec.encode(event))
            publisher.flush()
            if told is None or event.TOPIC != topics.INTERACTIONS:
                continue
            ((_, partition),) = [where for where, end in before.items() if bus.end(where) > end]
            place = LogPlace(partition=partition, offset=before[topics.INTERACTIONS, partition])
            if isinstance(event, InteractionRecorded):
                told.logged[event.event_id] = place
            elif isinstance(event, ShadowAnswered):
                told.logged[event.interaction_id] = place


def shop(folder: Path, *, seed: int = 6, scores: int = 6000, after: int = 60) -> tuple[Served, Story]:
    """A shop with a rollout that loses one of ten capabilities, one that was promoted, and one of last week."""
    bus = MemoryBus()
    bus.ensure_topics()
    at = datetime.now(UTC)
    past = _of_others(folder, bus, "support-1", "support", at - timedelta(days=6))
    past.clock.now = at - timedelta(hours=5)
    past.control.act("support-1", Close("Ada", "base serves support-1 now"))
    publish(bus, [past.control.outbox.popleft()])
    _of_others(folder, bus, "tickets-7", "tickets", at)
    main = ending(at, folder / "control", "support-2", scores, after, seed=seed)
    publish(bus, main.tell(scores, after), main)
    main.clock.now = datetime.now(UTC)
    return Served(main.control, bus, folder / "control"), main


def under_way(folder: Path, *, seed: int = 6, scores: int = 700) -> tuple[Served, Story]:
    """One rollout that has nothing to fear yet: at 25% or 50%, and a second of work to make."""
    bus = MemoryBus()
    bus.ensure_topics()
    # Not a second in the future, or whatever is told next would be older than what is known.
    told = ending(datetime.now(UTC), folder / "control", "support-2", scores, 60, seed=seed)
    publish(bus, told.tell(scores), told)
    told.clock.now = datetime.now(UTC)
    return Served(told.control, bus, folder / "control"), told


def ending(ends: datetime, folder: Path, name: str, scores: int, after: int, **changes: Any) -> Story:
    """A story that is over at `ends`; it is told once to see how long it takes."""
    first = story(folder.with_name(f"{name}-before"), name, ends, **changes)
    for _ in first.tell(scores, after):
        pass
    return story(folder, name, ends - (first.clock.now - ends), **changes)


def _of_others(folder: Path, bus: MemoryBus, name: str, alias: str, ends: datetime) -> Story:
    """A rollout in which nothing got worse, promoted; its last report is as of `ends`."""
    scores, stages = (
        1300,
        tuple(Stage(share=s, min_units=n) for s, n in ((0.05, 200), (0.25, 300), (0.5, 400))),
    )
    told = ending(
        ends,
        folder / name,
        name,
        scores,
        400,
        means=UNCHANGED,
        seed=5,
        alias=alias,
        candidate=name,
        stages=stages,
    )
    publish(bus, (event for event in told.tell(scores, 400) if event.TOPIC != topics.INTERACTIONS))
    return told


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        served, _ = shop(Path(made))
        served.port = 8099
        with served:
            print(served.url, flush=True)
            threading.Event().wait()
