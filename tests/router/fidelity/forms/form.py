"""What a form is, and the bytes that it is made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

CHAT: Final = "/v1/chat/completions"
PLAIN: Final = "/v1/completions"
JSON: Final = "Content-Type: application/json"


@dataclass(frozen=True, slots=True)
class Form:
    """One form: `parts` are bytes, between which a client waits for `100 Continue`; `methods`, one an answer.

    `differs` names in what its answers are another than the engine's, and `why` says why (docs/router.md does).
    """

    name: str
    parts: tuple[bytes, ...]
    methods: tuple[str, ...] = ("POST",)
    differs: frozenset[str] = frozenset()
    why: str = ""


def head(method: str, path: str, *headers: str, version: str = "1.1") -> bytes:
    """A request's head."""
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: engine", *headers, "", ""]).encode(
        "latin-1"
    )


def post(path: str, body: bytes | dict[str, Any], *headers: str, version: str = "1.1") -> bytes:
    """A whole POST of JSON."""
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head("POST", path, JSON, f"Content-Length: {len(written)}", *headers, version=version) + written


def chat(model: str, **changes: Any) -> dict[str, Any]:
    """A short conversation, answered greedily."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": "Name three colours of the rainbow."}],
        "max_tokens": 2,
        "temperature": 0,
        "seed": 7,
    } | changes
