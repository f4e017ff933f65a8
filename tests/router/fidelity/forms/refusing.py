"""What an engine refuses, each in its own words, and the few things that the router refuses itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from tests.router.fidelity.forms.form import CHAT, JSON, PLAIN, Form, chat, head, post

_OWN: Final = frozenset({"status", "reason", "headers", "body"})
_WRONG: Final[dict[str, dict[str, Any]]] = {
    "unknown model": {"model": "nobody"},
    "too long": {"messages": [{"role": "user", "content": "word " * 3000}]},
    "too many tokens": {"max_tokens": 100_000},
    "temperature": {"temperature": "hot"},
    "n=0": {"n": 0},
    "negative tokens": {"max_tokens": -1},
    "role": {"messages": [{"role": "emperor", "content": "x"}]},
    "no messages": {"messages": []},
    "tool that is none": {"tools": [{"type": "function"}]},
    "schema that is none": {"response_format": {"type": "json_schema"}},
    "model of another type": {"model": 7},
    "top_logprobs": {"logprobs": True, "top_logprobs": 1000},
}


def refused(model: str) -> Iterator[Form]:
    """All of them."""
    for name, changes in _WRONG.items():
        for stream in (False, True):
            kind = "refused stream" if stream else "refused"
            yield Form(f"{kind}: {name}", (post(CHAT, chat(model, stream=stream) | changes),))
    yield Form("refused completion", (post(PLAIN, {"model": model, "prompt": {"a": 1}}),))
    yield from _bodies(model)
    yield from _methods(model)
    yield from _kinds(model)
    yield from _paths(model)


def _bodies(model: str) -> Iterator[Form]:
    whole = json.dumps(chat(model)).encode()
    for name, body in {
        "no JSON": b'{"model": ',
        "empty": b"",
        "list": b"[]",
        "text": b'"model"',
        "null": b"null",
        "more behind it": whole + b"}",
        "two of them": whole * 2,
        "latin-1": '{"model": "é"}'.encode("latin-1"),
        "NUL": b'{"model": "m\x00"}',
        "no model": b'{"messages": []}',
    }.items():
        yield Form(f"refused body: {name}", (post(CHAT, body),))


def _methods(model: str) -> Iterator[Form]:
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"):
        yield Form(f"refused method: {method}", (head(method, CHAT, "Content-Length: 0"),), (method,))
    origin = "Origin: https://shop.example"
    preflight = (
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: authorization, content-type",
    )
    yield Form("a browser's question", (head("OPTIONS", CHAT, origin, *preflight),), ("OPTIONS",))
    yield Form("a browser's request", (post(CHAT, chat(model), origin),))
    yield Form("a browser's stream", (post(CHAT, chat(model, stream=True), origin),))


def _kinds(model: str) -> Iterator[Form]:
    body = json.dumps(chat(model)).encode()
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-8",
        "application/jsonl",
    ):
        told = head("POST", CHAT, f"Content-Type: {kind}", f"Content-Length: {len(body)}")
        yield Form(f"content type {kind}", (told + body,))
    yield Form("content type twice", (post(CHAT, body, "Content-Type: text/plain"),))
    yield Form("no content type", (head("POST", CHAT, f"Content-Length: {len(body)}") + body,))
    yield Form("no length", (head("POST", CHAT, JSON),))


def _paths(model: str) -> Iterator[Form]:
    why = "paths that are not on the router's list are its own 404"
    for path in ("/tokenize", "/health", "/version", "/metrics", "/v1/load_lora_adapter", "/nowhere", "/"):
        yield Form(f"path {path}", (head("GET", path),), ("GET",), _OWN, why)
    yield Form("path with a slash behind it", (post(f"{CHAT}/", chat(model)),), ("POST",), _OWN, why)
    why = "paths that could be read in two ways are the router's own 400"
    for path in ("/v1//models", "/v1/../v1/models", "/v1%2Fmodels"):
        yield Form(f"path {path}", (head("GET", path),), ("GET",), _OWN, why)
