"""curl, as people and health checks use it."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

from harness import BASE, GREEDY, KIND, MESSAGES, MODEL, joined, run

BODY = json.dumps(GREEDY | {"messages": MESSAGES})
STREAM = json.dumps(GREEDY | {"messages": MESSAGES, "stream": True})
CHAT = f"{BASE}/chat/completions"
JSON = ("-H", "Content-Type: application/json")
_END = re.compile(r"\n@(\d+) (.*) (\S+) (\d+)$")


def curl(*arguments: str, given: str = "") -> Any:
    """Status, kind, version of HTTP and body; a stream by what it says."""
    command = [
        "curl",
        "--silent",
        "--show-error",
        "-w",
        "\n@%{http_code} %{content_type} %{http_version} %{num_redirects}",
    ]
    done = subprocess.run([*command, *arguments], input=given, capture_output=True, text=True, check=True)
    end = _END.search(done.stdout)
    if end is None:
        raise ValueError(f"no answer but {done.stdout!r}")
    body = done.stdout[: end.start()]
    if "event-stream" in end[2]:
        events = [line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: ")]
        return end.groups(), joined([json.loads(event) for event in events[:-1]]), events[-1]
    with contextlib.suppress(ValueError):
        return end.groups(), json.loads(body)
    return end.groups(), body


def posted(body: str, *arguments: str) -> Callable[[], Any]:
    return lambda: curl(*JSON, "--data-binary", "@-", *arguments, CHAT, given=body)


def two_on_one() -> Any:
    return curl(
        "--data",
        BODY,
        *JSON,
        CHAT,
        "--next",
        "--silent",
        "--write-out",
        "\n@%{num_connects} x x 0",
        f"{BASE}/models",
    )


GENERATING: dict[str, Callable[[], Any]] = {
    "chat": posted(BODY),
    "stream": posted(STREAM, "--no-buffer"),
    "compressed": posted(BODY, "--compressed"),
    "HTTP/1.0": posted(BODY, "--http1.0"),
    "HTTP/1.0 stream": posted(STREAM, "--http1.0"),
    "chunked": posted(BODY, "-H", "Transfer-Encoding: chunked"),
    "expects to go on": posted(BODY, "-H", "Expect: 100-continue"),
    "HTTP/2 if it may": posted(BODY, "--http2"),
    "two on one connection": two_on_one,
    "models": lambda: curl(f"{BASE}/models"),
    "head": lambda: curl("--head", "-o", "/dev/null", f"{BASE}/models"),
    "options": lambda: curl("-X", "OPTIONS", "-H", "Origin: https://a.example", CHAT),
    "no JSON": posted("{"),
    "a form": lambda: curl("--data", BODY, CHAT),
}
EMBEDDING: dict[str, Callable[[], Any]] = {
    "embeddings": lambda: curl(
        *JSON, "--data", json.dumps({"model": MODEL, "input": "red"}), f"{BASE}/embeddings"
    ),
}
run(GENERATING if KIND == "generating" else EMBEDDING)
