"""From assignment to record: an answer for everybody, base for a candidate that fails, an end that is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from telemetry.forwarding.interactions import to_interaction
from telemetry.log_fields import fields_now
from tests.router.proxy.fakes import (
    BASE_TEXT,
    BODY,
    CHAT,
    SSE_HEAD,
    STREAM,
    Asked,
    Behaviour,
    answers,
    chunk,
    never,
    reply,
    rolling,
    says,
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


async def test_a_body_nested_deeper_than_we_can_parse_is_a_clear_400(tmp_path: Path) -> None:
    deep = b'{"user":"ann","model":"m","x":%b%b}' % (b"[" * 100_000, b"]" * 100_000)
    async with rolling(tmp_path, says("x")) as (router, base, engine, http):
        answer = await http.post(CHAT, content=deep)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "BadRequestError")
        assert "nested too deep" in answer.json()["error"]["message"]
        assert (base.asked, engine.asked, router.records()) == ([], [], [])


async def test_what_is_nested_deep_and_need_not_be_parsed_is_the_engines_to_refuse(tmp_path: Path) -> None:
    deep = b'{"model":"m","x":%b%b}' % (b"[" * 100_000, b"]" * 100_000)
    refusal = answers(reply(400, b"too deep"))
    async with rolling(tmp_path, refusal, refusal, control_model="adapter") as (_, base, _, http):
        answer = await http.post(CHAT, content=deep)
        assert (answer.status_code, answer.content) == (400, b"too deep")
        assert base.asked == [] or base.asked[0].body == deep


# --- fail open to base -------------------------------------------------------------------------------


async def drips(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """A whole answer, a byte at a time, none of them late."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{")
    while not (asked.peer_left() or writer.transport.is_closing()):
        writer.write(b" ")
        await asyncio.sleep(0.01)
    raise ConnectionResetError


FAILING: dict[str, tuple[Behaviour, str]] = {
    "dies before a byte": (answers(b"", then_die=True), "died"),
    "dies after its head": (answers(SSE_HEAD, then_die=True), "died"),
    "dies within a JSON answer": (
        answers(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", then_die=True),
        "died",
    ),
    "says 404": (answers(reply(404, b'{"error": "no such model"}')), "status_404"),
    "says 429": (answers(reply(429, b'{"error": "too many"}')), "status_429"),
    "says 302": (answers(reply(302, b"", "location: /elsewhere")), "status_302"),
    "says nothing": (answers(reply(200, b"")), "empty"),
    "says nothing in a stream": (answers(SSE_HEAD + chunk(b"")), "empty"),
    "says HTML": (answers(reply(200, b"<html>busy</html>", "content-type: text/html")), "not_json"),
    "says half": (answers(reply(200, b'{"choices": [')), "not_json"),
    "announces more than it says": (answers(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"), "timeout"),
    "announces a huge chunk": (
        answers(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffff\r\n{"),
        "timeout",
    ),
    "drips": (drips, "timeout"),
    "says too much": (answers(reply(200, b"{" + b" " * 5000 + b"}")), "too_long"),
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
    async with rolling(tmp_path, behave, timeouts=timeouts, max_answer_bytes=4000) as (router, base, _, http):
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


async def test_base_may_take_longer_than_the_candidate_may(tmp_path: Path) -> None:
    slow, timeouts = says(BASE_TEXT, delay_s=0.3), {"candidate_first_byte_s": 0.1}
    async with rolling(tmp_path, never, slow, timeouts=timeouts) as (router, _, _, http):
        assert text_of(await http.post(CHAT, json=BODY)) == BASE_TEXT
        assert router.records()[0].meta["fallback"] == "timeout"


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
        assert router.counters.base_down == 2


# --- a client that leaves ----------------------------------------------------------------------------


async def test_a_client_that_leaves_before_the_first_byte_is_no_reason_to_ask_base(tmp_path: Path) -> None:
    async with rolling(tmp_path, never) as (router, base, engine, http):
        with pytest.raises(httpx.ReadTimeout):
            await http.post(CHAT, json=BODY, timeout=0.2)
        await until(lambda: engine.gone == 1)
        await until(router.records)
        (record,) = router.records()
        assert (record.meta["client_left"], record.meta["fallback"]) == (True, None)
        assert base.asked == []


async def test_a_client_that_leaves_while_base_answers_for_the_candidate_cancels_base(tmp_path: Path) -> None:
    busy = answers(reply(503, b"busy"))
    async with rolling(tmp_path, busy, never) as (router, base, _, http):
        with pytest.raises(httpx.ReadTimeout):
            await http.post(CHAT, json=BODY, timeout=0.3)
        await until(lambda: base.gone == 1)
        await until(router.records)
        (record,) = router.records()
        assert (record.meta["client_left"], record.meta["fallback"]) == (True, "status_503")
        assert router.counters.base_down == 0


async def test_what_is_logged_while_a_request_is_answered_has_its_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, str]] = []

    def fail(*_: object) -> None:
        seen.append(dict(fields_now()))

    async with rolling(tmp_path, says("x")) as (_, _, _, http):
        monkeypatch.setattr("router.proxy.capture.Recorder.record", fail)
        await http.post(CHAT, json=BODY, headers={"x-request-id": "mine"})
        await http.post(CHAT, json=BODY)
    mine, other = seen
    assert (mine["request_id"], mine["rollout_id"]) == ("mine", "r1")
    assert mine["interaction_id"] != other["interaction_id"]
    assert other["request_id"] == other["interaction_id"]
