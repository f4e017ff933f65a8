"""The official client cannot tell the router from an engine."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from telemetry.forwarding.interactions import to_interaction
from telemetry.rollout_file import write_rollout
from tests.router.proxy.fakes import (
    DONE,
    SSE_HEAD,
    Behaviour,
    FakeEngine,
    Router,
    answers,
    chunk,
    completion,
    event,
    reply,
    running,
    says,
    streams_for_ever,
    until,
)
from tests.router.values import with_share

MESSAGES: list[Any] = [{"role": "user", "content": "hi"}]
JSON = "content-type: application/json"


@contextlib.asynccontextmanager
async def client_of(
    folder: Path, candidate: Behaviour, base: Behaviour | None = None
) -> AsyncIterator[tuple[openai.AsyncOpenAI, Router, FakeEngine]]:
    write_rollout(folder / "rollout.json", with_share(1.0))
    async with (
        FakeEngine(base or says("from base")) as control,
        FakeEngine(candidate) as other,
        running(folder, control.url, other.url) as router,
        openai.AsyncOpenAI(base_url=f"{router.url}/v1", api_key="a-key", max_retries=0) as client,
    ):
        yield client, router, other


def told(answer: dict[str, Any]) -> Behaviour:
    return answers(reply(200, json.dumps(answer).encode(), JSON))


async def test_a_chat_answer_arrives(tmp_path: Path) -> None:
    async with client_of(tmp_path, says("hello")) as (client, router, _):
        answer = await client.chat.completions.create(model="m", messages=MESSAGES)
        assert answer.choices[0].message.content == "hello"
        assert answer.usage is not None
        assert answer.usage.total_tokens == 4
        assert router.records()[0].meta["assignment"]["subject_source"] == "api_key"


async def test_a_stream_arrives_piece_by_piece(tmp_path: Path) -> None:
    async with client_of(tmp_path, says("hello")) as (client, router, _):
        stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        pieces = [part.choices[0].delta.content async for part in stream]
        assert pieces == list("hello")
        interaction = to_interaction(router.records()[0], "full")
        assert (interaction.answer.text, interaction.streamed, interaction.client_left) == (
            "hello",
            True,
            False,
        )


async def test_completions_are_recorded_as_such(tmp_path: Path) -> None:
    answer = {
        "id": "c", "object": "text_completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "text": "four", "finish_reason": "stop", "logprobs": None}],
    }  # fmt: skip
    async with client_of(tmp_path, told(answer)) as (client, router, _):
        got = await client.completions.create(model="m", prompt="2+2", user="ann")
        assert got.choices[0].text == "four"
        meta = router.records()[0].meta
        assert (meta["endpoint"], meta["assignment"]["subject_source"]) == ("completions", "user")


async def test_tools_logprobs_and_unknown_fields_pass(tmp_path: Path) -> None:
    call = {"id": "t", "type": "function", "function": {"name": "weather", "arguments": '{"at": "Köln"}'}}
    answer = completion() | {"kv_transfer_params": {"deep": [1, 2]}}
    answer["choices"][0] |= {
        "message": {"role": "assistant", "content": None, "tool_calls": [call], "reasoning": "because"},
        "logprobs": {"content": [{"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}]},
        "finish_reason": "tool_calls",
    }
    tool: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    async with client_of(tmp_path, told(answer)) as (client, _, engine):
        got = await client.chat.completions.create(
            model="m",
            messages=MESSAGES,
            tools=[tool],
            logprobs=True,
            extra_body={"guided_choice": ["a"], "top_k": 3},
        )
        asked = engine.asked[0].json()
        assert (asked["tools"], asked["guided_choice"], asked["top_k"]) == ([tool], ["a"], 3)
        assert got.model_dump(exclude_unset=True) == answer


async def test_an_engines_error_is_the_same_exception(tmp_path: Path) -> None:
    error = {
        "message": "maximum context length is 1024",
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    }
    raw = reply(400, json.dumps({"error": error}).encode(), JSON)
    async with client_of(tmp_path, answers(raw), answers(raw)) as (client, _, _):
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model="m", messages=MESSAGES)
        assert caught.value.body == error


async def test_a_stream_that_is_cut_is_an_error_and_not_a_short_answer(tmp_path: Path) -> None:
    dying = answers(SSE_HEAD + chunk(event("half")), then_die=True)
    async with client_of(tmp_path, dying) as (client, _, _):
        stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        got: list[str] = []
        with pytest.raises(openai.APIError, match="cut"):
            await collect(stream, got.append)
        assert got == ["half"]


async def collect(stream: Any, take: Callable[[str], None]) -> None:
    async for part in stream:
        take(part.choices[0].delta.content)


async def test_nobody_there_is_an_internal_server_error_that_says_when_to_come_again(tmp_path: Path) -> None:
    async with (
        running(tmp_path, "http://127.0.0.1:9", "http://127.0.0.1:9") as router,
        openai.AsyncOpenAI(base_url=f"{router.url}/v1", api_key="k", max_retries=0) as client,
    ):
        with pytest.raises(openai.InternalServerError) as caught:
            await client.chat.completions.create(model="m", messages=MESSAGES)
        assert caught.value.status_code == 503
        assert caught.value.response.headers["retry-after"] == "1"


async def test_models_are_bases(tmp_path: Path) -> None:
    listing = {"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "vllm"}]}
    async with (
        FakeEngine(told(listing)) as base,
        running(tmp_path, base.url, "http://127.0.0.1:9") as router,
        openai.AsyncOpenAI(base_url=f"{router.url}/v1", api_key="k") as client,
    ):
        assert [model.id async for model in client.models.list()] == ["m"]


async def test_a_client_that_stops_reading_cancels_the_engine(tmp_path: Path) -> None:
    async with client_of(tmp_path, streams_for_ever) as (client, router, engine):
        async with await client.chat.completions.create(model="m", messages=MESSAGES, stream=True) as stream:
            await anext(aiter(stream))
        await until(lambda: engine.gone == 1)
        await until(router.records)
        assert router.records()[0].meta["client_left"] is True


async def test_head_and_done_come_as_the_engine_sent_them(tmp_path: Path) -> None:
    async with client_of(tmp_path, says("a")) as (_, router, _):
        async with httpx.AsyncClient() as http:
            body = {"model": "m", "stream": True, "messages": MESSAGES}
            answer = await http.post(f"{router.url}/v1/chat/completions", json=body)
        assert answer.content == event("a") + DONE
