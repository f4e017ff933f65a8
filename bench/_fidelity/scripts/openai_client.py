"""The official client of Python, synchronous and asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import openai
from harness import BASE, GREEDY, KIND, MESSAGES, MODEL, NAMED, SCHEMA, TOOL, joined, run
from pydantic import BaseModel

client = openai.OpenAI(base_url=BASE, api_key="none", max_retries=0)
CHAT: dict[str, Any] = GREEDY | {"messages": MESSAGES}


class Answer(BaseModel):
    """What a parsed answer is."""

    colour: Literal["red", "blue"]


def chat(**more: Any) -> Any:
    return client.chat.completions.create(**(CHAT | more)).model_dump()


def stream(**more: Any) -> Any:
    return joined(
        [chunk.model_dump() for chunk in client.chat.completions.create(**(CHAT | more), stream=True)]
    )


def asynchronous(ask: Callable[[openai.AsyncOpenAI], Awaitable[Any]]) -> Callable[[], Any]:
    async def mode() -> Any:
        async with openai.AsyncOpenAI(base_url=BASE, api_key="none", max_retries=0) as other:
            return await ask(other)

    return lambda: asyncio.run(mode())


async def async_stream(other: openai.AsyncOpenAI) -> Any:
    return joined(
        [chunk.model_dump() async for chunk in await other.chat.completions.create(**CHAT, stream=True)]
    )


async def async_chat(other: openai.AsyncOpenAI) -> Any:
    return (await other.chat.completions.create(**CHAT)).model_dump()


async def async_left(other: openai.AsyncOpenAI) -> Any:
    async with await other.chat.completions.create(**(CHAT | {"max_tokens": 200}), stream=True) as chunks:
        return (await anext(aiter(chunks))).model_dump()


def helper() -> Any:
    with client.chat.completions.stream(**CHAT, stop=["rainbow"]) as events:
        kinds = {event.type for event in events}
        return sorted(kinds), events.get_final_completion().model_dump()


def raw() -> Any:
    answer = client.chat.completions.with_raw_response.create(**CHAT)
    return answer.status_code, answer.headers["content-type"], answer.parse().model_dump()


def lines() -> Any:
    with client.chat.completions.with_streaming_response.create(**CHAT) as answer:
        return answer.status_code, answer.json()


def responses() -> Any:
    found = client.responses.create(model=MODEL, input="Name a colour.", max_output_tokens=6, temperature=0)
    return found.output_text, found.usage, found.status


def responses_stream() -> Any:
    events = list(
        client.responses.create(
            model=MODEL, input="Name a colour.", max_output_tokens=6, temperature=0, stream=True
        )
    )
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    return list(dict.fromkeys(event.type for event in events)), text


def refused(**more: Any) -> Callable[[], Any]:
    def mode() -> Any:
        try:
            chat(**more)
        except openai.APIStatusError as error:
            return type(error).__name__, error.status_code, error.body
        raise AssertionError("it was answered")

    return mode


GENERATING: dict[str, Callable[[], Any]] = {
    "chat": chat,
    "n=2": lambda: chat(n=2, temperature=0.9),
    "logprobs": lambda: chat(logprobs=True, top_logprobs=2),
    "named tool": lambda: chat(tools=[TOOL], tool_choice=NAMED, max_tokens=16),
    "automatic tool": lambda: chat(tools=[TOOL]),
    "JSON schema": lambda: chat(response_format=SCHEMA, max_tokens=16),
    "parse": lambda: client.chat.completions.parse(
        **(CHAT | {"max_tokens": 24}), response_format=Answer
    ).model_dump(),
    "extra body": lambda: chat(extra_body={"top_k": 5, "of_tomorrow": 1}),
    "stream": stream,
    "stream with usage": lambda: stream(stream_options={"include_usage": True}),
    "stream n=2": lambda: stream(n=2, temperature=0.9),
    "stream of a tool": lambda: stream(tools=[TOOL], tool_choice=NAMED, max_tokens=16),
    "stream of a JSON schema": lambda: stream(response_format=SCHEMA, max_tokens=16),
    "stream helper": helper,
    "raw": raw,
    "streamed raw": lines,
    "async": asynchronous(async_chat),
    "async stream": asynchronous(async_stream),
    "async that leaves": asynchronous(async_left),
    "completion": lambda: client.completions.create(**GREEDY, prompt="One, two,").model_dump(),
    "completion stream": lambda: joined(
        [chunk.model_dump() for chunk in client.completions.create(**GREEDY, prompt="One, two,", stream=True)]
    ),
    "responses": responses,
    "responses stream": responses_stream,
    "models": lambda: client.models.list().model_dump(),
    "unknown model": refused(model="nobody"),
    "too long": refused(messages=[{"role": "user", "content": "word " * 3000}]),
    "bad parameter": refused(temperature=9),
}
EMBEDDING: dict[str, Callable[[], Any]] = {
    "embeddings": lambda: client.embeddings.create(model=MODEL, input=["red", "blue"]).model_dump(),
    "embeddings as floats": lambda: client.embeddings.create(
        model=MODEL, input="red", encoding_format="float"
    ).model_dump(),
}
run(GENERATING if KIND == "generating" else EMBEDDING)
