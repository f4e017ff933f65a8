"""The stream: at once and at every change, serialised once for all, and nothing waits for whoever is slow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from router.control.board.points import History
from router.control.board.stream import Stream
from router.control.board.view import View
from tests.router.control.board.values import report, state

Frames = dict[str, Any]


def view() -> View:
    made = View(lambda _: History())
    made.take(state())
    return made


def stream(made: View) -> Stream:
    return Stream(made, beat_s=0.05, least_s=0.0)


def parsed(chunk: bytes) -> Frames:
    found: Frames = {}
    for frame in chunk.decode().strip().split("\n\n"):
        kind, data = frame.split("\n")
        found[kind.removeprefix("event: ")] = json.loads(data.removeprefix("data: "))
    return found


async def until(frames: AsyncIterator[bytes], kind: str) -> Frames:
    async with asyncio.timeout(5):
        async for chunk in frames:
            found = parsed(chunk)
            if kind in found:
                return found
    raise AssertionError(f"the stream ended without {kind}")


async def test_the_first_frame_comes_at_once_and_has_everything() -> None:
    frames = stream(view()).frames("r1")
    first = parsed(await anext(frames))
    assert set(first) == {"overview", "rollout", "beat"}
    assert first["overview"]["rollouts"][0]["rollout_id"] == "r1"


async def test_a_change_is_sent_and_what_is_the_same_is_not() -> None:
    made = view()
    frames = stream(made).frames("r1")
    await anext(frames)
    assert set(parsed(await anext(frames))) == {"beat"}
    made.take(report(5, settled=77))
    found = await until(frames, "rollout")
    assert found["rollout"]["line"]["settled"] == 77


async def test_a_rollout_that_nobody_knows_is_null() -> None:
    assert parsed(await anext(stream(view()).frames("absent")))["rollout"] is None


async def test_one_serialisation_serves_all(monkeypatch: pytest.MonkeyPatch) -> None:
    made = view()
    asked: list[None] = []
    overview = made.overview
    monkeypatch.setattr(made, "overview", lambda: (asked.append(None), overview())[1])
    served = Stream(made, beat_s=60.0)
    readers = [served.frames(None) for _ in range(50)]
    first = {await anext(frames) for frames in readers}
    assert (len(first), len(asked), served.clients) == (1, 1, 50)


async def test_whoever_is_slow_gets_the_newest_state_and_no_queue() -> None:
    made = view()
    frames = stream(made).frames("r1")
    await anext(frames)
    for number in range(1, 200):
        made.take(report(number, settled=number))
        if number % 50 == 0:
            await asyncio.sleep(0.01)
    found = await until(frames, "rollout")
    while found["rollout"]["line"]["settled"] < 199:
        assert found["rollout"]["line"]["settled"] in range(150, 200)
        found = await until(frames, "rollout")


async def test_the_pump_ends_with_the_last_client_and_begins_with_the_next() -> None:
    made = view()
    served = stream(made)
    for settled in (1, 2):
        made.take(report(settled, settled=settled))
        frames = served.frames("r1")
        assert parsed(await anext(frames))["rollout"]["line"]["settled"] == settled
        await frames.aclose()  # type: ignore[attr-defined]  # a generator, which the protocol does not say
        assert served.clients == 0


async def test_when_control_stops_every_stream_ends() -> None:
    served = stream(view())
    readers = [served.frames(None) for _ in range(3)]
    for frames in readers:
        await anext(frames)
    served.end()
    async with asyncio.timeout(5):
        for frames in readers:
            assert [chunk async for chunk in frames] == []
