"""A stream's way from the engine to the client and into its record, and every way in which it may end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from openai import APIError, AsyncOpenAI

from telemetry.forwarding.completion import data_of_events
from telemetry.forwarding.interactions import to_interaction
from tests.router.proxy.fakes import (
    CHAT,
    DONE,
    SSE_HEAD,
    STREAM,
    Asked,
    Behaviour,
    answers,
    chunk,
    event,
    never,
    reply,
    rolling,
    streams_for_ever,
    until,
)


def in_steps(pieces: Sequence[bytes], may_go_on: asyncio.Semaphore, then: Behaviour) -> Behaviour:
    """A stream in pieces, the next one when the one before has been read: so none shares a read with another."""

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE_HEAD)
        for piece in pieces:
            writer.write(chunk(piece))
            await writer.drain()
            await may_go_on.acquire()
        await then(asked, writer)

    return behave


async def ends(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(chunk(b""))


async def read(answer: httpx.Response, may_go_on: asyncio.Semaphore, up_to: int | None = None) -> list[bytes]:
    """The parts of an answer as they come, all of them or the first `up_to` bytes."""
    parts: list[bytes] = []
    async for part in answer.aiter_raw():
        parts.append(part)
        may_go_on.release()
        if up_to is not None and len(b"".join(parts)) >= up_to:
            break
    return parts


# --- on its way --------------------------------------------------------------------------------------


async def test_a_stream_passes_unchanged_and_unbuffered(tmp_path: Path) -> None:
    more = asyncio.Event()

    async def behave(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE_HEAD + chunk(event("one")))
        await more.wait()
        writer.write(chunk(event("two")) + chunk(DONE))
        await writer.drain()
        writer.write(chunk(b""))

    async with (
        rolling(tmp_path, behave) as (router, _, _, http),
        http.stream("POST", CHAT, json=STREAM) as answer,
    ):
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        parts = answer.aiter_raw()
        assert await anext(parts) == event("one")
        assert router.records() == []
        more.set()
        rest = b"".join([part async for part in parts])
        assert rest == event("two") + DONE
        (record,) = router.records()
        assert record.response_body == event("one") + event("two") + DONE
        assert record.meta["answer"]["streamed"] is True


async def test_a_character_that_lies_across_two_reads_arrives_and_is_recorded_whole(tmp_path: Path) -> None:
    text = "Köln \N{CHERRY BLOSSOM}"
    said = b"".join(b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % c.encode() for c in text) + DONE
    cuts = [
        at for at, byte in enumerate(said) if byte & 0xC0 == 0x80
    ]  # within a character, at each of its bytes

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE_HEAD)
        for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True):
            writer.write(chunk(said[a:b]))
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(chunk(b""))

    async with rolling(tmp_path, behave) as (router, _, _, http):
        assert (await http.post(CHAT, json=STREAM)).content == said
        assert to_interaction(router.records()[0], "full").answer.text == text


@pytest.mark.parametrize("model", [None, "adapter"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
async def test_a_stream_passes_event_by_event_however_its_lines_end(
    tmp_path: Path, end: bytes, model: str | None
) -> None:
    pieces = [event(text, model or "m").replace(b"\n", end) for text in "ab"] + [DONE.replace(b"\n", end)]
    go = asyncio.Semaphore(0)
    behave = in_steps(pieces, go, never)
    async with (
        rolling(tmp_path, behave, candidate_model=model) as (router, _, _, http),
        http.stream("POST", CHAT, json=STREAM) as answer,
    ):
        told = [event(text).replace(b"\n", end) for text in "ab"] + [DONE.replace(b"\n", end)]
        assert await read(answer, go, up_to=len(b"".join(told))) == told
        assert len(router.records()) == 1


# --- its end -----------------------------------------------------------------------------------------


async def test_a_stream_of_an_announced_length_has_the_clients_name_all_the_same(tmp_path: Path) -> None:
    told = reply(200, event("a", "adapter") + DONE, "content-type: text/event-stream")
    async with rolling(tmp_path, answers(told), candidate_model="adapter") as (_, _, _, http):
        assert (await http.post(CHAT, json=STREAM)).content == event("a") + DONE


@pytest.mark.parametrize("pieces", [[DONE], [b"data: [DONE]\r\n\r\n"]], ids=["LF", "CRLF"])
async def test_a_client_that_leaves_after_done_has_not_left_early(
    tmp_path: Path, pieces: list[bytes]
) -> None:
    pieces = [event("x"), *pieces]
    go = asyncio.Semaphore(0)
    async with rolling(tmp_path, in_steps(pieces, go, never)) as (router, _, engine, http):
        async with http.stream("POST", CHAT, json=STREAM) as answer:
            assert await read(answer, go, up_to=len(b"".join(pieces))) == pieces
            assert len(router.records()) == 1
        await until(lambda: engine.gone == 1)
        await until(lambda: router.gateway.load.in_flight == 0)
        (record,) = router.records()
        assert record.meta["client_left"] is False
        assert router.counters.client_left == 0


async def test_a_client_that_leaves_mid_stream_is_recorded_and_its_request_cancelled(tmp_path: Path) -> None:
    async with rolling(tmp_path, streams_for_ever) as (router, _, engine, http):
        async with http.stream("POST", CHAT, json=STREAM) as answer:
            async for _ in answer.aiter_raw():
                break
        await until(lambda: engine.gone == 1)
        await until(router.records)
        (record,) = router.records()
        assert record.meta["client_left"] is True
        assert record.meta["answer"]["error"] is None
        assert record.response_body.startswith(event("x"))
        interaction = to_interaction(record, "full")
        assert interaction.client_left
        assert set(interaction.answer.text) == {"x"}
        assert router.counters.client_left == 1
        await until(lambda: router.gateway.load.in_flight == 0)


async def test_a_stream_whose_engine_dies_ends_with_an_error_event(tmp_path: Path) -> None:
    dying = answers(SSE_HEAD + chunk(event("one")), then_die=True)
    async with rolling(tmp_path, dying) as (router, base, _, http):
        answer = await http.post(CHAT, json=STREAM)
        first, last = [part for part in answer.content.split(b"\n\n") if part]
        assert first + b"\n\n" == event("one")
        assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == 502
        assert base.asked == []
        (record,) = router.records()
        assert record.response_body == event("one")
        assert "before the answer was complete" in record.meta["answer"]["error"]
        assert record.meta["fallback"] is None


HALVES = [
    b'data: {"choices": [{"del',
    b"data",
    b"da",
    event("two")[:-1],
    event("two")[:-2],
    b"event: x\n",
    b": ping\n",
    event("two")[:-2] + b"\r\n",
]


@pytest.mark.parametrize("half", HALVES)
async def test_a_stream_that_is_cut_within_an_event_ends_in_an_error_that_openais_client_raises(
    tmp_path: Path, half: bytes
) -> None:
    dying = answers(SSE_HEAD + chunk(event("one") + half), then_die=True)
    async with rolling(tmp_path, dying) as (router, _, _, _):
        client = AsyncOpenAI(base_url=f"{router.url}/v1", api_key="k", max_retries=0)
        told: list[str | None] = []

        async def ask() -> None:
            async for part in await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hi"}], stream=True
            ):
                told.append(part.choices[0].delta.content)  # noqa: PERF401 - what came before the error counts

        with pytest.raises(APIError, match="The stream was cut"):
            await ask()
        await client.close()
        assert told[0] == "one"
        recorded = to_interaction(router.records()[0], "full").answer
        assert recorded.text == "".join(map(str, told))
        assert recorded.error is not None


async def test_a_stream_that_falls_silent_ends_before_its_whole_time_is_over(tmp_path: Path) -> None:
    go, timeouts = asyncio.Semaphore(1), {"stall_s": 0.3}
    async with rolling(tmp_path, in_steps([event("one")], go, never), timeouts=timeouts) as (
        router,
        _,
        _,
        http,
    ):
        answer = await http.post(CHAT, json=STREAM)
        assert "timeout" in json.loads(list(data_of_events(answer.text))[-1])["error"]["message"]
        assert "said nothing for 0.3 s" in router.records()[0].meta["answer"]["error"]


async def test_a_stream_without_end_is_cut_at_what_is_kept(tmp_path: Path) -> None:
    async with rolling(tmp_path, streams_for_ever, max_answer_bytes=1000) as (router, _, engine, http):
        answer = await http.post(CHAT, json=STREAM)
        assert "too_long" in json.loads(list(data_of_events(answer.text))[-1])["error"]["message"]
        await until(lambda: engine.gone == 1)
        assert len(router.records()[0].response_body) <= 1000


async def test_a_stream_that_comes_to_a_halt_ends_with_an_error_event_too(tmp_path: Path) -> None:
    go, timeouts = asyncio.Semaphore(1), {"total_s": 0.4}
    halting = in_steps([event("one")], go, never)
    async with rolling(tmp_path, halting, timeouts=timeouts) as (router, _, engine, http):
        answer = await http.post(CHAT, json=STREAM)
        *_, error = data_of_events(answer.text)
        assert "timeout" in json.loads(error)["error"]["message"]
        await until(lambda: engine.gone == 1)
        assert "did not answer within 0.4 s" in router.records()[0].meta["answer"]["error"]


async def test_an_engine_that_dies_after_done_has_answered(tmp_path: Path) -> None:
    async with rolling(tmp_path, answers(SSE_HEAD + chunk(event("x")) + chunk(DONE), then_die=True)) as (
        router,
        _,
        _,
        http,
    ):
        answer = await http.post(CHAT, json=STREAM)
        assert answer.content == event("x") + DONE
        assert router.records()[0].meta["answer"]["error"] is None
