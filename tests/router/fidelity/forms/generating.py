"""What is asked for text: chat and plain completions, whole and as streams, and the other paths that clients know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from tests.router.fidelity.forms.form import CHAT, PLAIN, Form, chat, head, post

_WEATHER: Final = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Rome", "Oslo"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
_NAMED: Final = {"type": "function", "function": {"name": "weather"}}
_SCHEMA: Final = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}},
            "required": ["colour"],
            "additionalProperties": False,
        },
    },
}
_CHATS: Final[dict[str, dict[str, Any]]] = {
    "plain": {"max_tokens": 12},
    "n=2": {"n": 2, "max_tokens": 4, "temperature": 0.9},
    "n=2, greedy": {"n": 2},
    "logprobs": {"logprobs": True, "top_logprobs": 3, "max_tokens": 4},
    "stop": {"stop": ["colour", "of"], "max_tokens": 24},
    "named tool": {"tools": [_WEATHER], "tool_choice": _NAMED, "max_tokens": 12},
    "required tool": {"tools": [_WEATHER], "tool_choice": "required", "max_tokens": 24},
    "automatic tool": {"tools": [_WEATHER]},
    "tools unused": {"tools": [_WEATHER], "tool_choice": "none"},
    "JSON schema": {"response_format": _SCHEMA, "max_tokens": 16},
    "JSON object": {"response_format": {"type": "json_object"}},
    "one token": {"max_completion_tokens": 1},
    "extensions": {"ignore_eos": True, "min_tokens": 2, "return_token_ids": True, "top_k": 5},
    "unknown field": {"of_tomorrow": {"a": [1, None]}},
    "who asks": {"user": "ada", "metadata": {"tier": "gold"}, "store": False},
}
_TURNS: Final = [
    {"role": "system", "content": "Answer briefly."},
    {"role": "user", "content": [{"type": "text", "text": "How warm is it in Oslo?"}]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "4 degrees"},
]
_ASKS: Final = '{"include_usage": true}'
_ALL_ESCAPED: Final = "".join(f"\\u{ord(letter):04x}" for letter in "stream_options")
_OPTIONS: Final = {
    "options under an escaped name": rf', "stream_option\u0073": {_ASKS}',
    "options under a name that is all escaped": f', "{_ALL_ESCAPED}": {_ASKS}',
    "then none under an escaped name": r', "\u0073tream": false',
    "then none after all": ', "stream": false',
    "as a number": ', "stream": 1',
    "as a word": ', "stream": "true"',
    "options twice": f', "stream_options": {_ASKS}, "stream_options": null',
}


def generating(model: str) -> Iterator[Form]:
    """All of them."""
    yield from _chats(model)
    yield from _streams(model)
    yield from _completions(model)
    yield from _others(model)


def _chats(model: str) -> Iterator[Form]:
    for name, changes in _CHATS.items():
        yield Form(f"chat: {name}", (post(CHAT, chat(model, **changes)),))
    yield Form("chat: prompt logprobs", (post(CHAT, chat(model, prompt_logprobs=1)),))
    yield Form(
        "chat: turns with a tool's answer", (post(CHAT, chat(model, messages=_TURNS, tools=[_WEATHER])),)
    )
    yield Form(
        "chat: options without a stream", (post(CHAT, chat(model, stream_options={"include_usage": True})),)
    )
    yield Form("chat: a megabyte that nobody reads", (post(CHAT, chat(model, of_tomorrow="x" * (1 << 20))),))


def _streams(model: str) -> Iterator[Form]:
    for name, changes in _CHATS.items():
        yield Form(f"stream: {name}", (post(CHAT, chat(model, stream=True, **changes)),))
    for options in (
        {"include_usage": True},
        {"include_usage": False},
        {},
        None,
        {"include_usage": True, "continuous_usage_stats": True},
    ):
        told = chat(model, stream=True, stream_options=options)
        yield Form(f"stream: options {json.dumps(options)}", (post(CHAT, told),))
    body = json.dumps(chat(model, stream=True))[:-1]
    for name, more in _OPTIONS.items():
        yield Form(f"stream: {name}", (post(CHAT, f"{body}{more}}}".encode()),))
    spaced = json.dumps(chat(model, stream=True), indent=2).encode() + b"\r\n\t "
    yield Form("stream: of a body with blanks", (post(CHAT, spaced),))


def _completions(model: str) -> Iterator[Form]:
    plain: dict[str, Any] = {
        "model": model, "prompt": "One, two, three,", "max_tokens": 4, "temperature": 0, "seed": 7
    }  # fmt: skip
    for name, changes in {
        "plain": {},
        "two prompts": {"prompt": ["One, two,", "Red, green,"]},
        "tokens": {"prompt": [504, 28, 827]},
        "n=2": {"n": 2, "temperature": 0.9},
        "echo": {"echo": True, "logprobs": 2},
        "suffix": {"suffix": "end"},
    }.items():
        yield Form(f"completion: {name}", (post(PLAIN, plain | changes),))
        yield Form(f"completion stream: {name}", (post(PLAIN, plain | changes | {"stream": True}),))
    with_usage = plain | {"stream": True, "stream_options": {"include_usage": True}}
    yield Form("completion stream: with usage", (post(PLAIN, with_usage),))


def _others(model: str) -> Iterator[Form]:
    asked: dict[str, Any] = {
        "model": model,
        "input": "Name a colour.",
        "max_output_tokens": 4,
        "temperature": 0,
    }
    yield Form("responses", (post("/v1/responses", asked),))
    yield Form("responses: stream", (post("/v1/responses", asked | {"stream": True}),))
    yield Form("responses: refused", (post("/v1/responses", asked | {"input": 7}),))
    yield Form("responses: not there", (head("GET", "/v1/responses/resp_1"),), ("GET",))
    said = {"model": model, "max_tokens": 4, "temperature": 0, "messages": chat(model)["messages"]}
    yield Form("messages", (post("/v1/messages", said),))
    yield Form("messages: stream", (post("/v1/messages", said | {"stream": True}),))
    yield Form("messages: count", (post("/v1/messages/count_tokens", said),))
    yield Form("embeddings", (post("/v1/embeddings", {"model": model, "input": ["red", "blue"]}),))
    base64 = {"model": model, "input": "red", "encoding_format": "base64", "dimensions": 32}
    yield Form("embeddings: base64", (post("/v1/embeddings", base64),))
    yield Form("rerank", (post("/v1/rerank", {"model": model, "query": "red", "documents": ["a", "b"]}),))
    for method in ("GET", "HEAD", "OPTIONS", "POST", "DELETE"):
        yield Form(f"models: {method}", (head(method, "/v1/models", "Content-Length: 0"),), (method,))
    yield Form("models: query", (head("GET", "/v1/models?limit=%31&x"),), ("GET",))
    yield Form("models: one", (head("GET", f"/v1/models/{model}"),), ("GET",))
