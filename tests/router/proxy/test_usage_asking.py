"""Usage is recorded whether or not the client asked, and no client can tell."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.proxy.keys.key_file import add_key
from telemetry.forwarding.interactions import to_interaction
from tests.router.proxy.fakes import (
    BODY,
    CHAT,
    DONE,
    SSE_HEAD,
    STREAM,
    Asked,
    FakeEngine,
    Router,
    answers,
    chunk,
    event,
    reply,
    rolling,
    says,
    until,
)

COUNTED = (
    b'data: {"id":"c-1","model":"m","choices":[],'
    b'"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}\n\n'
)
ASKS = STREAM | {"stream_options": {"include_usage": True}}


async def counts(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """An engine that says what a stream has cost where it is asked to, as vLLM does."""
    body = asked.json()
    if not body.get("stream"):
        await says("x")(asked, writer)
        return
    told = COUNTED if body.get("stream_options", {}).get("include_usage") else b""
    writer.write(
        SSE_HEAD + b"".join(chunk(part) for part in (event("a"), event("b"), told, DONE) if part) + chunk(b"")
    )


END = b'data: {"id":"c-1","model":"m","choices":[{"index":0,"delta":{"content":"z"},"finish_reason":"length"}]%b}\n\n'
MARK = b',"system_fingerprint":"vllm-1"'


async def says_what_it_is(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """An engine that says its fingerprint in the last event of a stream, whichever that is, as vLLM does."""
    usage = asked.json().get("stream_options", {}).get("include_usage")
    told = [END % b"", COUNTED.replace(b"}}\n", b"}%b}\n" % MARK)] if usage else [END % MARK]
    writer.write(SSE_HEAD + b"".join(map(chunk, (event("a"), *told, DONE))) + chunk(b""))


async def refuses_options(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """An engine that does not know the field."""
    if "stream_options" in asked.json():
        writer.write(reply(422, b'{"error": "unknown field"}', "content-type: application/json"))
    else:
        await says("ab")(asked, writer)


async def both(http: httpx.AsyncClient, engine: FakeEngine, body: dict[str, Any]) -> tuple[bytes, bytes]:
    """The answer by the router, and by the engine itself."""
    async with httpx.AsyncClient(base_url=engine.url) as direct:
        return (await http.post(CHAT, json=body)).content, (await direct.post(CHAT, json=body)).content


def tokens(router: Router) -> list[tuple[int | None, int | None]]:
    found = [to_interaction(record, "full").answer for record in router.records()]
    return [(answer.prompt_tokens, answer.completion_tokens) for answer in found]


@pytest.mark.parametrize("body", [BODY, STREAM, ASKS], ids=["whole", "stream", "stream that asks"])
async def test_the_client_has_what_the_engine_sends_byte_for_byte(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    async with rolling(tmp_path, counts) as (_, _, engine, http):
        ours, theirs = await both(http, engine, body)
        assert ours == theirs


async def test_the_clients_last_event_has_what_the_engine_says_of_itself(tmp_path: Path) -> None:
    async with rolling(tmp_path, says_what_it_is) as (_, _, engine, http):
        ours, theirs = await both(http, engine, STREAM)
        assert ours == theirs == event("a") + END % MARK + DONE


async def test_a_stream_that_is_cut_keeps_nothing_back(tmp_path: Path) -> None:
    cut = answers(SSE_HEAD + chunk(event("a") + END % b""), then_die=True)
    async with rolling(tmp_path, cut) as (_, _, _, http):
        said = (await http.post(CHAT, json=STREAM)).content
        assert said.startswith(event("a") + END % b"" + b"data: {")
        assert b"The stream was cut" in said


async def test_what_a_stream_cost_is_recorded_and_goes_by_its_key_though_nobody_asked(tmp_path: Path) -> None:
    secret = add_key(tmp_path / "keys.yaml", "shop", tokens_per_minute=100)
    async with rolling(tmp_path, counts, keys_file=tmp_path / "keys.yaml") as (router, _, engine, http):
        headers = {"authorization": f"Bearer {secret}"}
        left = [
            (await http.post(CHAT, json=STREAM, headers=headers)).headers["x-ratelimit-remaining-tokens"]
            for _ in range(2)
        ]
        assert [int(value) for value in left] in ([100, 88], [100, 89])
        assert tokens(router) == [(5, 7), (5, 7)]
        assert engine.asked[0].json() == ASKS
        assert json.loads(router.records()[0].request_body) == STREAM


async def test_a_shadow_is_asked_as_the_other_arm_was(tmp_path: Path) -> None:
    async with rolling(tmp_path, counts, counts, share=0.0, shadow=1.0) as (router, base, engine, http):
        await http.post(CHAT, json=STREAM)
        await until(router.shadows)
        assert base.asked[0].json() == engine.asked[0].json() == ASKS


async def test_an_engine_that_refuses_the_field_is_asked_without_it_once_and_for_good(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), refuses_options, share=0.0) as (router, base, _, http):
        for _ in range(2):
            answer = await http.post(CHAT, json=STREAM)
            assert (answer.status_code, answer.content) == (200, event("a") + event("b") + DONE)
        assert ["stream_options" in asked.json() for asked in base.asked] == [True, False, False]
        assert tokens(router) == [(None, 2), (None, 2)]


async def test_a_shadow_does_not_fail_by_what_it_was_asked_for(tmp_path: Path) -> None:
    async with rolling(tmp_path, refuses_options, counts, share=0.0, shadow=1.0) as (router, _, engine, http):
        await http.post(CHAT, json=STREAM)
        await until(router.shadows)
        assert router.shadows()[0].meta["shadow"]["status"] == 200
        assert ["stream_options" in asked.json() for asked in engine.asked] == [True, False]


async def test_a_clients_own_mistake_is_no_sign_that_an_engine_refuses_the_field(tmp_path: Path) -> None:
    async def too_long(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.json().get("max_tokens") == 9:
            writer.write(reply(400, b'{"error": "too long"}', "content-type: application/json"))
        else:
            await counts(asked, writer)

    async with rolling(tmp_path, says("x"), too_long, share=0.0) as (router, base, _, http):
        wrong = STREAM | {"max_tokens": 9}
        for body, asked in ((wrong, 2), (STREAM, 1), (wrong, 1)):
            base.asked.clear()
            answer = await http.post(CHAT, json=body)
            assert answer.status_code == (400 if body is wrong else 200)
            assert len(base.asked) == asked
        assert tokens(router)[1] == (5, 7)


async def test_nothing_is_asked_for_where_the_settings_say_so(tmp_path: Path) -> None:
    async with rolling(tmp_path, counts, ask_usage=False) as (_, _, engine, http):
        await http.post(CHAT, json=STREAM)
        assert engine.asked[0].json() == STREAM
