from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from serving.engines import openai_client
from serving.engines.openai_client import complete_many, complete_many_async
from telemetry.errors import EngineFailed
from telemetry.events import Message

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def engine(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def prompts(count: int) -> list[list[Message]]:
    return [[Message(role="user", content=str(number))] for number in range(count)]


def answer(text: str) -> web.Response:
    choice = {"message": {"content": text}, "finish_reason": "stop"}
    return web.json_response({"choices": [choice], "usage": {"completion_tokens": 3}})


async def text_of(request: web.Request) -> str:
    body = await request.json()
    return str(body["messages"][-1]["content"])


async def test_answers_keep_the_order_of_prompts_though_they_come_in_another() -> None:
    async def reply(request: web.Request) -> web.Response:
        text = await text_of(request)
        await asyncio.sleep(0.05 if int(text) % 2 else 0)
        return answer(text)

    seen: list[tuple[int, int, str]] = []
    async with engine(reply) as url:
        found = await complete_many_async(
            f"{url}/v1", "m", prompts(12), 8, concurrency=4, progress=lambda *r: seen.append(r)
        )
    assert [one.text for one in found] == [str(number) for number in range(12)]
    assert all(one.tokens == 3 and one.finish_reason == "stop" and one.error is None for one in found)
    assert [done for done, _, _ in seen] == list(range(1, 13))


async def test_no_more_than_concurrency_are_asked_at_once_and_greedily() -> None:
    busy, most, bodies = 0, 0, []

    async def reply(request: web.Request) -> web.Response:
        nonlocal busy, most
        bodies.append(await request.json())
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.01)
        busy -= 1
        return answer("x")

    async with engine(reply) as url:
        await complete_many_async(url, "the-model", prompts(20), 7, concurrency=3)
    assert most == 3
    assert {(b["model"], b["temperature"], b["max_tokens"]) for b in bodies} == {("the-model", 0.0, 7)}


@pytest.mark.parametrize("kind", ["status", "cut"])
async def test_a_failure_that_passes_is_tried_again(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(openai_client, "_FIRST_PAUSE_S", 0.001)
    asked = 0

    async def reply(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        if asked < 3 and kind == "cut":
            assert request.transport is not None
            request.transport.close()
        return answer("at last") if asked == 3 else web.Response(status=503, text="busy")

    async with engine(reply) as url:
        (found,) = await complete_many_async(url, "m", prompts(1), 8)
    assert (found.text, asked) == ("at last", 3)


async def test_a_failure_that_stays_becomes_an_error_with_the_engines_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openai_client, "_FIRST_PAUSE_S", 0.001)

    async def reply(_: web.Request) -> web.Response:
        return web.Response(status=500, text="out of cache")

    async with engine(reply) as url:
        (found,) = await complete_many_async(url, "m", prompts(1), 8)
    assert found.error is not None
    assert "500" in found.error
    assert "out of cache" in found.error
    assert found.text == ""


async def test_a_refused_prompt_is_not_asked_again() -> None:
    asked: list[Any] = []

    async def reply(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.json_response({"error": {"message": "prompt too long"}}, status=400)

    async with engine(reply) as url:
        (found,) = await complete_many_async(url, "m", prompts(1), 8)
    assert found.error is not None
    assert "prompt too long" in found.error
    assert len(asked) == 1


async def test_an_answer_that_is_none_is_an_error_not_an_empty_text() -> None:
    async def reply(_: web.Request) -> web.Response:
        return web.json_response({"choices": []})

    async with engine(reply) as url:
        (found,) = await complete_many_async(url, "m", prompts(1), 8)
    assert found.error is not None
    assert "not a chat completion" in found.error


async def test_an_engine_that_is_slow_yields_an_error() -> None:
    async def reply(_: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return answer("late")

    async with engine(reply) as url:
        (found,) = await complete_many_async(url, "m", prompts(1), 8, timeout_s=0.1)
    assert found.error == "no answer within 0.1 s"


def test_an_engine_that_is_away_raises_with_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_client, "_FIRST_PAUSE_S", 0.001)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(EngineFailed, match=url):
        complete_many(url, "m", prompts(5), 8)
