"""The rules of the online path, on real sockets: transparency, fail open to base, nothing lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.proxy.assign import digest, unit_of
from router.proxy.relay import end_user_in
from router.proxy.wire.model_name import Renamer, rename_request
from telemetry.forwarding.interactions import to_interaction
from telemetry.rollout_file import write_rollout
from tests.router.proxy.fakes import (
    DONE,
    SSE_HEAD,
    Asked,
    Behaviour,
    FakeEngine,
    Router,
    answers,
    chunk,
    completion,
    event,
    never,
    reply,
    running,
    says,
    streams_for_ever,
    until,
)
from tests.router.values import rolled_back, with_share

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "hi"}],
    "unknown_field": {"a": [1]},
}
STREAM = BODY | {"stream": True}
BASE_TEXT, CANDIDATE_TEXT = "from base", "from candidate"


@contextlib.asynccontextmanager
async def rolling(
    folder: Path,
    candidate: Behaviour,
    control: Behaviour | None = None,
    *,
    share: float = 1.0,
    shadow: float = 0.0,
    **settings: Any,
) -> AsyncIterator[tuple[Router, FakeEngine, FakeEngine, httpx.AsyncClient]]:
    """A router amid a rollout that gives everybody the candidate."""
    write_rollout(folder / "rollout.json", with_share(share, shadow=shadow))
    async with (
        FakeEngine(control or says(BASE_TEXT)) as base,
        FakeEngine(candidate) as other,
        running(folder, base.url, other.url, **settings) as router,
        httpx.AsyncClient(base_url=router.url, timeout=10) as http,
    ):
        yield router, base, other, http


def text_of(answer: httpx.Response) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


# --- transparency ------------------------------------------------------------------------------------


async def test_body_status_and_headers_pass_unchanged_both_ways(tmp_path: Path) -> None:
    async with rolling(tmp_path, says(CANDIDATE_TEXT)) as (_, _, engine, http):
        sent = b'{ "model":"m",  "messages": [] , "\\u00fcber": 1 }'
        answer = await http.post(
            CHAT + "?a=b%20c", content=sent, headers={"x-mine": "1", "authorization": "Bearer k"}
        )
        (asked,) = engine.asked
        assert (asked.target, asked.body) == (CHAT + "?a=b%20c", sent)
        assert (asked.headers["x-mine"], asked.headers["authorization"]) == ("1", "Bearer k")
        assert answer.content == json.dumps(completion(CANDIDATE_TEXT), separators=(",", ":")).encode()
        assert answer.headers["x-engine"] == "yes"
        assert (answer.headers["x-belay-arm"], answer.headers["x-belay-stage"]) == ("candidate", "0")
        assert "server" not in answer.headers


async def test_the_arm_can_be_kept_to_ourselves(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), expose_headers=False) as (_, _, _, http):
        answer = await http.post(CHAT, json=BODY)
        assert not [name for name in answer.headers if name.startswith("x-belay")]


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429])
async def test_an_error_of_the_request_is_the_engines_to_tell(tmp_path: Path, status: int) -> None:
    raw = reply(status, b'{"error":{"message":"no"}}', "content-type: application/json", "x-why: because")
    async with rolling(tmp_path, answers(raw)) as (router, base, _, http):
        answer = await http.post(CHAT, json=BODY)
        assert (answer.status_code, answer.json(), answer.headers["x-why"]) == (
            status,
            {"error": {"message": "no"}},
            "because",
        )
        assert base.asked == []
        assert router.records()[0].meta["answer"]["status"] == status


async def test_a_5xx_of_base_passes_unchanged(tmp_path: Path) -> None:
    broken = answers(reply(500, b"oh no"))
    async with rolling(tmp_path, says("x"), broken, share=0.0) as (_, _, _, http):
        answer = await http.post(CHAT, json=BODY)
        assert (answer.status_code, answer.content) == (500, b"oh no")


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


async def test_other_paths_pass_to_base_unrecorded(tmp_path: Path) -> None:
    models = answers(reply(200, b'{"object":"list"}', "content-type: application/json"))
    async with rolling(tmp_path, says("x"), models) as (router, base, other, http):
        assert (await http.get("/v1/models")).json() == {"object": "list"}
        assert (await http.post("/v1/tokenize", content=b"abc")).status_code == 200
        assert (await http.head("/v1/models")).status_code == 200
        assert [asked.method for asked in base.asked] == ["GET", "POST", "HEAD"]
        assert other.asked == []
        assert router.records() == []
        assert (await http.get("/elsewhere")).status_code == 404


async def test_200_requests_at_once_each_get_their_own_answer_and_record(tmp_path: Path) -> None:
    async def echo(asked: Any, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(reply(200, asked.body, "content-type: application/json"))

    async with rolling(tmp_path, echo, echo, share=0.5) as (router, base, other, _):
        async with aiohttp.ClientSession(router.url, connector=aiohttp.TCPConnector(limit=200)) as http:

            async def one(number: int) -> bool:
                body = BODY | {"n": number}
                async with http.post(CHAT, json=body, headers={"x-session-id": f"s{number}"}) as answer:
                    return bool(await answer.json() == body)

            assert all(await asyncio.gather(*(one(number) for number in range(200))))
        records = router.records()
        assert len({record.meta["event_id"] for record in records}) == 200
        assert all(record.request_body == record.response_body for record in records)
        assert len(base.asked) + len(other.asked) == 200
        assert len(other.asked) == sum(record.meta["assignment"]["arm"] == "candidate" for record in records)
        assert 60 < len(other.asked) < 140


# --- assignment --------------------------------------------------------------------------------------


async def test_a_record_proves_its_assignment_and_holds_no_identity(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), share=0.5) as (router, _, _, http):
        for number in range(40):
            headers = {"x-session-id": f"session-{number}", "authorization": "Bearer very-secret"}
            answer = await http.post(CHAT, json=BODY, headers=headers)
            arm = answer.headers["x-belay-arm"]
            assignment = router.records()[-1].meta["assignment"]
            assert assignment["arm"] == arm
            assert (unit_of(assignment["subject"]) < 0.5) == (arm == "candidate")
            assert assignment["subject"] == digest("pepper", f"session-{number}")
        packed = b"".join(record.pack() for record in router.records())
        assert b"very-secret" not in packed
        assert b"session-" not in packed


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


async def test_without_a_rollout_everybody_is_on_base_and_still_recorded(tmp_path: Path) -> None:
    async with (
        FakeEngine(says(BASE_TEXT)) as base,
        FakeEngine(never) as other,
        running(tmp_path, base.url, other.url) as router,
        httpx.AsyncClient(base_url=router.url) as http,
    ):
        assert text_of(await http.post(CHAT, json=BODY)) == BASE_TEXT
        (record,) = router.records()
        assert record.meta["rollout_id"] == "none"
        assert record.meta["assignment"]["arm"] == "control"


async def test_a_rollback_takes_effect_for_the_next_request(tmp_path: Path) -> None:
    async with rolling(tmp_path, says(CANDIDATE_TEXT)) as (router, _, _, http):
        assert text_of(await http.post(CHAT, json=BODY)) == CANDIDATE_TEXT
        write_rollout(tmp_path / "rollout.json", rolled_back(with_share(1.0)))
        await until(lambda: router.gateway.rollout.current.revision == 2)
        assert text_of(await http.post(CHAT, json=BODY)) == BASE_TEXT
        assert [record.meta["assignment"]["revision"] for record in router.records()] == [1, 2]


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


# --- nothing lost ------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_the_record_is_in_the_spool_before_the_client_has_its_answer(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    async with rolling(tmp_path, says("hello")) as (router, _, _, http):
        for count in range(1, 30):
            async with http.stream("POST", CHAT, json=body) as answer:
                async for part in answer.aiter_raw():
                    if not body.get("stream") or part.endswith(DONE):
                        assert len(router.records()) == count


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


async def test_a_spool_that_cannot_be_written_costs_no_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # A record larger than the whole quota is what a full disk is: the spool refuses it.
    async with rolling(tmp_path, says("x"), spool_quota_bytes=64) as (router, _, _, http):
        with caplog.at_level(logging.ERROR):
            assert text_of(await http.post(CHAT, json=BODY)) == "x"
        assert router.gateway.counters.unrecorded == 1
        assert "is not recorded" in caplog.text
        assert (await http.get("/belay/status")).json()["unrecorded"] == 1


async def test_a_router_that_stops_records_what_it_cuts(tmp_path: Path) -> None:
    async with rolling(tmp_path, streams_for_ever) as (router, _, _, http):
        async with http.stream("POST", CHAT, json=STREAM) as answer:
            parts = answer.aiter_raw()
            await anext(parts)
            stopping = asyncio.create_task(router.stop())
            with pytest.raises(httpx.RemoteProtocolError):
                await drain(parts)
        await stopping
        (record,) = router.records()
        assert "given up by the router" in record.meta["answer"]["error"]
        assert record.response_body.startswith(event("x"))


async def drain(parts: AsyncIterator[bytes]) -> None:
    async for _ in parts:
        pass


async def test_a_request_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), max_request_bytes=100) as (router, _, _, http):
        assert (await http.post(CHAT, content=b"x" * 101)).status_code == 413
        assert router.records() == []


# --- the model's name --------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_the_engines_name_for_the_model_never_reaches_the_client(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    adapter = says("hi", model="adapter")
    async with rolling(tmp_path, adapter, candidate_model="adapter") as (router, _, engine, http):
        answer = await http.post(CHAT, json=body)
        assert engine.asked[0].json() == body | {"model": "adapter"}
        assert b"adapter" not in answer.content
        assert b'"model":"m"' in answer.content
        (record,) = router.records()
        assert json.loads(record.request_body) == body
        assert record.response_body == answer.content
        assert to_interaction(record, "full").answer.text == "hi"


@given(st.binary(max_size=40), st.lists(st.integers(0, 400), max_size=6))
def test_renaming_does_not_depend_on_where_a_stream_is_cut(noise: bytes, cuts: list[int]) -> None:
    stream = b"data: " + noise + b"\n\n" + event("one", "long/name") + event("two", "long/name") + DONE
    renamer = Renamer("long/name", "m")
    at = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    parts = [stream[a:b] for a, b in itertools.pairwise(at)]
    got = b"".join(renamer.part(part, last=number == len(parts) - 1) for number, part in enumerate(parts))
    assert got == stream.replace(b'"model":"long/name"', b'"model":"m"')


def test_text_that_looks_like_the_name_is_left_alone() -> None:
    body = json.dumps({"model": "adapter", "text": '"model":"adapter"'}).encode()
    assert json.loads(Renamer("adapter", "m").whole(body)) == {"model": "m", "text": '"model":"adapter"'}


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"model": 3}', b"\xff"])
def test_a_body_without_a_model_is_left_to_the_engine(body: bytes) -> None:
    assert rename_request(body, "adapter") == (body, None)


# --- shadows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_a_shadow_is_the_other_arms_answer_to_the_same_request(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    async with rolling(tmp_path, says(CANDIDATE_TEXT), shadow=1.0) as (router, base, other, http):
        answer = await http.post(CHAT, json=body)
        assert answer.headers["x-belay-arm"] == "candidate"
        await until(router.records)
        (record,) = router.records()
        assert base.asked[0].body == other.asked[0].body
        interaction = to_interaction(record, "full")
        assert interaction.shadow is not None
        assert (interaction.answer.text, interaction.shadow.text) == (CANDIDATE_TEXT, BASE_TEXT)
        assert interaction.shadow.served_by == "control"


async def test_a_slow_shadow_delays_nobody_and_is_recorded_when_it_ends(tmp_path: Path) -> None:
    may_answer = asyncio.Event()

    async def slow(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await may_answer.wait()
        await says(BASE_TEXT)(asked, writer)

    async with rolling(tmp_path, says("x"), slow, shadow=1.0) as (router, _, _, http):
        assert text_of(await http.post(CHAT, json=BODY)) == "x"
        assert router.records() == []
        may_answer.set()
        await until(router.records)
        assert router.records()[0].meta["shadow"]["status"] == 200


async def test_a_shadow_that_fails_or_takes_too_long_says_so(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), never, shadow=1.0, timeouts={"shadow_s": 0.1}) as (
        router,
        _,
        _,
        http,
    ):
        await http.post(CHAT, json=BODY)
        await until(router.records)
        shadow = router.records()[0].meta["shadow"]
        assert (shadow["status"], shadow["error"]) == (0, "no answer within 0.1 s")


async def test_shadows_still_running_when_the_router_stops_are_recorded_without(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), never, shadow=1.0) as (router, _, _, http):
        await http.post(CHAT, json=BODY)
        await router.stop()
        (record,) = router.records()
        assert record.meta["shadow"] is None
        assert record.meta["answer"]["status"] == 200


async def test_nothing_is_shadowed_after_a_rollback_nor_beyond_the_limit(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), never, shadow=1.0, shadow_limit=1) as (router, base, _, http):
        await http.post(CHAT, json=BODY)
        await http.post(CHAT, json=BODY)
        assert (router.gateway.counters.shadows, router.gateway.counters.shadows_skipped) == (1, 1)
        assert len(router.records()) == 1
        assert len(base.asked) == 1


# --- about itself ------------------------------------------------------------------------------------


async def test_the_router_tells_how_it_is(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x")) as (router, _, _, http):
        await http.post(CHAT, json=BODY)
        assert (await http.get("/belay/healthz")).json() == {"status": "ok"}
        status = (await http.get("/belay/status")).json()
        assert status["applied_at_ns"] == router.gateway.rollout.current.applied_at_ns
        expected = {
            "router_id": "router-7",
            "rollout_id": "r1",
            "rollout": "ramping",
            "revision": 1,
            "stage": 0,
            "share": 1.0,
            "requests": {"control": 0, "candidate": 1},
            "fallbacks": 0,
            "recorded": 1,
            "unrecorded": 0,
            "in_flight": 1,
        }
        assert {name: status[name] for name in expected} == expected
        metrics = await http.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'belay_requests_total{arm="candidate"} 1.0\n' in metrics.text
        assert "belay_rollout_share 1.0\n" in metrics.text
