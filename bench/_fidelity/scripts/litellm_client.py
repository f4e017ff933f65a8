"""LiteLLM as a library, pointed at an endpoint of OpenAI's shape."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import litellm
from harness import BASE, GREEDY, KIND, MESSAGES, MODEL, NAMED, SCHEMA, TOOL, joined, run

litellm.telemetry = False
TO: dict[str, Any] = {"api_base": BASE, "api_key": "none", "num_retries": 0, "max_retries": 0}
CHAT: dict[str, Any] = GREEDY | TO | {"model": f"openai/{MODEL}", "messages": MESSAGES}


def told(answer: Any) -> Any:
    found = answer.model_dump()
    found.pop("id", None)  # its own for streams
    found.pop("created", None)
    return found


def stream(**more: Any) -> Any:
    chunks = [chunk.model_dump() for chunk in litellm.completion(**(CHAT | more), stream=True)]
    return {key: value for key, value in joined(chunks).items() if key != "names"}


async def async_stream() -> Any:
    chunks = [chunk.model_dump() async for chunk in await litellm.acompletion(**CHAT, stream=True)]
    return {key: value for key, value in joined(chunks).items() if key != "names"}


def refused(**more: Any) -> Any:
    try:
        litellm.completion(**(CHAT | more))
    except litellm.exceptions.APIError as error:
        return type(error).__name__, error.status_code, str(error)
    except Exception as error:  # noqa: BLE001 - its kinds have no common base but this
        return type(error).__name__, str(error)
    raise AssertionError("it was answered")


GENERATING: dict[str, Callable[[], Any]] = {
    "chat": lambda: told(litellm.completion(**CHAT)),
    "n=2": lambda: told(litellm.completion(**(CHAT | {"temperature": 0.9}), n=2)),
    "logprobs": lambda: told(litellm.completion(**CHAT, logprobs=True, top_logprobs=2)),
    "named tool": lambda: told(
        litellm.completion(**(CHAT | {"max_tokens": 16}), tools=[TOOL], tool_choice=NAMED)
    ),
    "JSON schema": lambda: told(litellm.completion(**(CHAT | {"max_tokens": 16}), response_format=SCHEMA)),
    "stream": stream,
    "stream with usage": lambda: stream(stream_options={"include_usage": True}),
    "async": lambda: told(asyncio.run(litellm.acompletion(**CHAT))),
    "async stream": lambda: asyncio.run(async_stream()),
    "completion": lambda: told(
        litellm.text_completion(
            **(GREEDY | TO | {"model": f"text-completion-openai/{MODEL}"}), prompt="One, two,"
        )
    ),
    "unknown model": lambda: refused(model="openai/nobody"),
    "too long": lambda: refused(messages=[{"role": "user", "content": "word " * 3000}]),
}
EMBEDDING: dict[str, Callable[[], Any]] = {
    "embeddings": lambda: told(litellm.embedding(model=f"openai/{MODEL}", input=["red", "blue"], **TO)),
}
run(GENERATING if KIND == "generating" else EMBEDDING)
