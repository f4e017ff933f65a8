"""The router's end: answers in flight have their time, and what is cut then is said to be cut by us."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import httpx
import pytest

from telemetry.events import CUT_BY_ROUTER
from telemetry.forwarding.completion import data_of_events
from telemetry.forwarding.interactions import to_interaction
from tests.router.proxy.fakes import (
    BASE_TEXT,
    BODY,
    CHAT,
    DONE,
    SSE_HEAD,
    STREAM,
    Asked,
    Router,
    chunk,
    event,
    never,
    rolling,
    streams_for_ever,
    text_of,
    until,
)


async def told_to_stop(router: Router) -> asyncio.Task[None]:
    stopping = asyncio.create_task(router.stop())
    await until(lambda: not router.server.servers[0].is_serving())
    return stopping


async def test_answers_in_flight_are_finished_and_count_as_any_other(tmp_path: Path) -> None:
    may = asyncio.Event()

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE_HEAD + chunk(event("one")))
        await may.wait()
        writer.write(chunk(event("two")) + chunk(DONE) + chunk(b""))

    async with rolling(tmp_path, behave) as (router, _, _, http):
        async with http.stream("POST", CHAT, json=STREAM) as answer:
            parts = answer.aiter_raw()
            assert await anext(parts) == event("one")
            stopping = await told_to_stop(router)
            may.set()
            assert b"".join([part async for part in parts]) == event("two") + DONE
        await stopping
        (record,) = router.records()
        assert record.meta["answer"]["error"] is None
        assert to_interaction(record, "full").answer.text == "onetwo"
        with pytest.raises(httpx.ConnectError):
            await http.get("/belay/healthz")


async def test_a_stream_that_is_still_in_flight_then_is_cut_by_us(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rolling(tmp_path, streams_for_ever) as (router, _, engine, http):
        asking = asyncio.create_task(http.post(CHAT, json=STREAM))
        await until(lambda: engine.asked)
        await router.stop()
        *_, last = data_of_events((await asking).text)
        assert json.loads(last)["error"]["message"] == "The stream was cut: the router stops."
        (record,) = router.records()
        assert (record.meta["answer"]["error"], record.meta["client_left"]) == (CUT_BY_ROUTER, False)
        assert record.response_body.startswith(event("x"))
        assert router.gateway.status()["cut"] == 1
        await until(lambda: engine.gone == 1)
        assert [r.exc_info for r in caplog.records if r.levelno >= logging.WARNING and r.exc_info] == []


async def test_an_answer_that_has_not_begun_then_is_a_503_and_cut_by_us(tmp_path: Path) -> None:
    async with rolling(tmp_path, never) as (router, base, engine, http):
        asking = asyncio.create_task(http.post(CHAT, json=BODY))
        await until(lambda: engine.asked)
        await router.stop()
        answer = await asking
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        (record,) = router.records()
        assert (record.meta["answer"]["error"], record.meta["fallback"]) == (CUT_BY_ROUTER, None)
        assert base.asked == []


async def test_connections_without_a_request_do_not_hold_the_end_up(tmp_path: Path) -> None:
    async with rolling(tmp_path, never, share=0.0) as (router, _, _, http):
        assert text_of(await http.post(CHAT, json=BODY)) == BASE_TEXT
        port = httpx.URL(router.url).port
        _, half = await asyncio.open_connection("127.0.0.1", port)
        half.write(b"POST /v1/chat/completions HTTP/1.1\r\n")
        async with asyncio.timeout(0.9):
            await router.stop()
        half.close()
