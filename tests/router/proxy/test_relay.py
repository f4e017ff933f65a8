"""From assignment to record: an answer for everybody, base for a candidate that fails, an end that is told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.proxy.relay import end_user_in
from telemetry.forwarding.interactions import to_interaction
from tests.router.proxy.fakes import (
    BASE_TEXT,
    BODY,
    CHAT,
    DONE,
    SSE_HEAD,
    STREAM,
    Behaviour,
    answers,
    chunk,
    event,
    never,
    reply,
    rolling,
    says,
    streams_for_ever,
    text_of,
    until,
)

# --- who asks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "source"),
    [
        ({"x-session-id": "s", "x-end-user-id": "e"}, BODY | {"user": "u"}, "session"),
        ({"x-end-user-id": "e"}, BODY | {"user": "u"}, "end_user"),
        ({"authorization": "Bearer k"}, BODY | {"user": "u"}, "user"),
        ({"authorization": "Bearer k"}, BODY, "api_key"),
        ({}, BODY, "request"),
    ],
)
async def test_the_record_says_what_the_subject_was_taken_from(
    tmp_path: Path, headers: dict[str, str], body: dict[str, Any], source: str
) -> None:
    async with rolling(tmp_path, says("x")) as (router, _, _, http):
        await http.post(CHAT, json=body, headers=headers)
        assert router.records()[0].meta["assignment"]["subject_source"] == source


@pytest.mark.parametrize(
    ("body", "user"),
    [
        (b'{"user": "ann"}', "ann"),
        (b'{"messages":[{"role":"user","content":"user"}],"user"\n :\t"ann"}', "ann"),
        (b'{"messages":[{"role":"user","content":"\\"user\\": x"}]}', None),
        (b'{"user": 7}', None),
        (b'{"user": "ann"', None),
        (b'["user": 1]', None),
        (b'[{"user": "ann"}]', None),
    ],
)
def test_the_bodys_user_counts_only_as_a_string_at_the_top(body: bytes, user: str | None) -> None:
    assert end_user_in(body) == user


# --- streams -----------------------------------------------------------------------------------------


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


# --- fail open to base -------------------------------------------------------------------------------


FAILING: dict[str, tuple[Behaviour, str]] = {
    "dies before a byte": (answers(b"", then_die=True), "died"),
    "dies after its head": (answers(SSE_HEAD, then_die=True), "died"),
    "dies within a JSON answer": (
        answers(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", then_die=True),
        "died",
    ),
    "says 500": (answers(reply(500, b"broken")), "status_500"),
    "says 503": (answers(reply(503, b"busy")), "status_503"),
    "is silent": (never, "timeout"),
    "speaks no HTTP": (answers(b"?\r\n\r\n"), "garbled"),
}


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
@pytest.mark.parametrize("failing", FAILING)
async def test_a_candidate_that_fails_before_its_first_byte_is_answered_by_base(
    tmp_path: Path, failing: str, body: dict[str, Any]
) -> None:
    behave, reason = FAILING[failing]
    timeouts = {"candidate_first_byte_s": 0.15 if reason == "timeout" else 10}
    async with rolling(tmp_path, behave, timeouts=timeouts) as (router, base, _, http):
        answer = await http.post(CHAT, json=body)
        assert answer.status_code == 200
        assert answer.headers["x-belay-arm"] == "control"
        (record,) = router.records()
        assert record.meta["fallback"] == reason
        assert record.meta["assignment"]["arm"] == "candidate"
        assert record.meta["answer"]["served_by"] == "control"
        assert record.meta["answer"]["error"] is None
        assert to_interaction(record, "full").answer.text == BASE_TEXT
        assert len(base.asked) == 1
        assert router.gateway.status()["fallback_reasons"] == {reason: 1}


async def test_a_candidate_that_refuses_is_answered_by_base(tmp_path: Path) -> None:
    async with rolling(tmp_path, never) as (router, _, other, http):
        await other.stop()
        assert text_of(await http.post(CHAT, json=BODY)) == BASE_TEXT
        assert router.records()[0].meta["fallback"] == "refused"


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


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
@pytest.mark.parametrize("candidate_up", [True, False])
async def test_base_down_is_a_503_with_retry_after_and_a_record(
    tmp_path: Path, body: dict[str, Any], candidate_up: bool
) -> None:
    share = 0.0 if candidate_up else 1.0
    async with rolling(tmp_path, says("x"), share=share, retry_after_s=3) as (router, base, other, http):
        await base.stop()
        if not candidate_up:
            await other.stop()
        answer = await http.post(CHAT, json=body)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
        assert answer.json()["error"]["type"] == "ServiceUnavailableError"
        assert (await http.get("/v1/models")).status_code == 503
        (record,) = router.records()
        assert record.meta["answer"]["status"] == 503
        assert "no connection to" in record.meta["answer"]["error"]
        assert router.gateway.counters.base_down == 2


# --- a client that leaves ----------------------------------------------------------------------------


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
        assert router.gateway.counters.client_left == 1
        await until(lambda: router.gateway.counters.in_flight == 0)


async def test_a_client_that_leaves_before_the_first_byte_is_no_reason_to_ask_base(tmp_path: Path) -> None:
    async with rolling(tmp_path, never) as (router, base, engine, http):
        with pytest.raises(httpx.ReadTimeout):
            await http.post(CHAT, json=BODY, timeout=0.2)
        await until(lambda: engine.gone == 1)
        await until(router.records)
        (record,) = router.records()
        assert (record.meta["client_left"], record.meta["fallback"]) == (True, None)
        assert base.asked == []


async def test_a_client_that_leaves_after_done_has_not_left_early(tmp_path: Path) -> None:
    async def dawdle(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE_HEAD + chunk(event("x")) + chunk(DONE))
        await asyncio.sleep(0.3)
        writer.write(chunk(b""))

    async with rolling(tmp_path, dawdle) as (router, _, _, http):
        async with http.stream("POST", CHAT, json=STREAM) as answer:
            async for part in answer.aiter_raw():
                if part.endswith(DONE):
                    break
        await until(lambda: router.gateway.counters.in_flight == 0)
        (record,) = router.records()
        assert record.meta["client_left"] is False
        assert router.gateway.counters.client_left == 0
