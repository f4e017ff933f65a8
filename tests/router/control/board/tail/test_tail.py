"""The tail over a bus: it reads while somebody looks, keeps up by skipping, and shows texts to whom it may."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from router.control.actor import Control
from router.control.api import create_app
from router.control.board.board import Board
from router.control.board.tail import following
from router.control.board.tail import tail as the_tail
from router.control.board.tail.following import FIRST, MOST_BEHIND, catch_up, follow, take
from router.control.board.tail.ring import Ring
from router.control.board.tail.tail import Tail
from router.control.board.tail.wanted import Wanted
from router.control.gate import Gate
from router.control.settings import AccessSettings
from router.control.tokens import hashed
from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Encoded, Record
from telemetry.events import LogPlace, ScoresRecorded
from tests.router.control.board.tail.values import interaction, score
from tests.router.control.board.values import publish
from tests.router.values import spec

T = TypeVar("T")


def soon(look: Callable[[], T], holds: Callable[[T], bool]) -> T:
    until = time.monotonic() + 10
    while not holds(found := look()) and time.monotonic() < until:
        time.sleep(0.01)
    return found


def rows_of(ask: Callable[[], Response]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = ask().json()["rows"]
    return found


@pytest.fixture
def http(control: Control, bus: MemoryBus) -> Iterator[TestClient]:
    control.start(spec())
    board = Board(control, bus)
    with TestClient(create_app(control, board=board)) as client:
        yield client
    board.tail.end()


def test_what_lay_there_and_what_comes_is_told_with_its_score(http: TestClient, bus: MemoryBus) -> None:
    publish(bus, interaction("before"))
    soon(lambda: http.get("/api/tail").json()["rows"], bool)
    batch = ScoresRecorded(source="belay/worker", rollout_id="r1", scores=(score("before"), score("after")))
    publish(bus, interaction("after"), batch)
    rows = soon(
        lambda: http.get("/api/tail").json()["rows"], lambda rows: sum(r["value"] == 0.75 for r in rows) == 2
    )
    assert {row["interaction_id"] for row in rows} == {"before", "after"}


def test_the_filter_is_asked_for_by_its_words_and_a_word_that_is_none_is_refused(
    http: TestClient, bus: MemoryBus
) -> None:
    publish(bus, interaction("a"), interaction("b", fallback="died"))
    soon(lambda: http.get("/api/tail").json()["rows"], lambda rows: len(rows) == 2)
    (row,) = http.get("/api/tail?outcome=fallback&arm=candidate&route=default").json()["rows"]
    assert row["interaction_id"] == "b"
    assert http.get("/api/tail?route=elsewhere").json()["rows"] == []
    assert http.get("/api/tail?outcome=splendid").status_code == 422
    assert http.get("/api/tail?low=2").status_code == 422
    assert http.get("/api/tail?colour=red").status_code == 422


def test_what_was_asked_is_shown_to_operators_alone(control: Control, bus: MemoryBus, tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    lines = (
        f"{{name: {name}, role: {role}, sha256: {hashed(name)}}}"
        for name, role in (("vic", "viewer"), ("ann", "operator"))
    )
    file.write_text(f"tokens: [{', '.join(lines)}]\n")
    publish(bus, interaction())
    board = Board(control, bus)
    with TestClient(Gate(AccessSettings(tokens=file)).before(create_app(control, board=board))) as http:
        assert http.get("/api/tail").status_code == 401
        for name, shown in (("vic", None), ("ann", "how many ropes?")):
            ask = partial(http.get, "/api/tail", headers={"authorization": f"Bearer {name}"})
            rows = soon(partial(rows_of, ask), bool)
            assert [row["preview"] for row in rows] == [shown]
    board.tail.end()


def test_whoever_is_far_behind_begins_anew_near_the_end_and_says_what_it_skipped(bus: MemoryBus) -> None:
    with bus.reader([topics.INTERACTIONS], start="latest") as reader:
        count = MOST_BEHIND + 50
        publish(bus, *(interaction(f"i{n}") for n in range(count)))
        assert catch_up(reader) == count - FIRST
        assert [codec.decode(one).event_id for one in reader.poll(0.0)] == [
            f"i{n}" for n in range(count - FIRST, count)
        ]
        assert catch_up(reader) == 0


def test_reading_rests_three_times_as_long_as_it_works(bus: MemoryBus) -> None:
    cpu = iter((10.0, 10.2, 20.0, 20.0))
    rests: list[float] = []
    follow(bus, Ring(), lambda: len(rests) < 2, rests.append, cpu=lambda: next(cpu))
    assert rests == [pytest.approx(0.6), 0.0]


def test_what_cannot_be_read_hides_nothing(http: TestClient, bus: MemoryBus) -> None:
    with closing(bus.publisher()) as publisher:
        publisher.send(codec.tombstone(topics.INTERACTIONS, "s"))
        publisher.send(Encoded(topics.INTERACTIONS, b"s", (), b"no event"))
        publisher.flush()
    publish(bus, interaction())
    assert [row["interaction_id"] for row in soon(lambda: http.get("/api/tail").json()["rows"], bool)] == [
        "i0"
    ]


def test_nothing_is_read_before_somebody_looks_or_after_nobody_does(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(the_tail, "IDLE_S", 0.05)
    tail = Tail(bus, lambda _: ())
    before = set(threading.enumerate())
    tail.look(Wanted(), texts=True)
    (reading,) = set(threading.enumerate()) - before
    reading.join(10)
    assert not reading.is_alive()
    tail.end()


def test_without_a_broker_and_while_it_is_away_it_says_why(bus: MemoryBus) -> None:
    assert "no bootstrap_servers" in (Tail(None, lambda _: ()).look(Wanted(), texts=True).away or "")
    bus.down = True
    tail = Tail(bus, lambda _: ())
    away = soon(lambda: tail.look(Wanted(), texts=True).away, lambda why: why is not None)
    assert away
    bus.down = False
    publish(bus, interaction())
    assert soon(lambda: tail.look(Wanted(), texts=True), lambda told: bool(told.rows)).away is None
    tail.end()


async def test_a_stream_tells_what_there_is_then_what_is_new_and_no_more_than_a_frame_holds(
    bus: MemoryBus,
) -> None:
    tail = Tail(bus, lambda _: ())
    publish(bus, *(interaction(f"i{n}") for n in range(150)))
    tail.look(Wanted(), texts=True)
    soon(lambda: tail.ring.version, lambda version: version == 150)
    frames = tail.frames(Wanted(), texts=True)
    first = told(await anext(frames))
    assert (len(first["rows"]), first["left_out"]) == (the_tail.FIRST_ROWS, 150 - the_tail.FIRST_ROWS)
    for number in range(the_tail.MOST_ROWS + 1):
        tail.ring.score(score(f"i{number}"), LogPlace(partition=0, offset=0))
    second = told(await anext(frames))
    assert (len(second["rows"]), second["left_out"]) == (the_tail.MOST_ROWS, 1)
    assert tail.clients == 1
    tail.end()
    await anext(frames, None)
    assert tail.clients == 0


async def test_the_first_frame_waits_for_what_lay_there(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(ring: Ring, records: Iterable[Record]) -> None:
        time.sleep(0.2)
        take(ring, records)

    monkeypatch.setattr(following, "take", late)
    monkeypatch.setattr(the_tail, "BEGIN_S", 60.0)  # a busy machine is slow
    tail = Tail(bus, lambda _: ())
    publish(bus, *(interaction(f"i{n}") for n in range(150)))
    first = told(await anext(tail.frames(Wanted(), texts=True)))
    assert (len(first["rows"]), first["left_out"]) == (the_tail.FIRST_ROWS, 150 - the_tail.FIRST_ROWS)
    tail.end()


async def test_the_first_frame_waits_for_no_broker_that_is_away(bus: MemoryBus) -> None:
    bus.down = True
    tail = Tail(bus, lambda _: ())
    assert told(await anext(tail.frames(Wanted(), texts=True)))["away"]
    tail.end()


def told(frame: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(frame.decode().split("data: ")[1])
    return found
