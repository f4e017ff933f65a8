"""Reads the answers of an engine that speaks the OpenAI API: JSON bodies and streams of server-sent events.

Nothing here raises: what an engine, or a connection cut anywhere, leaves behind is read as far as it goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pydantic_core

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_DONE: Final = object()


@dataclass(slots=True)
class Completion:
    """The first choice of an answer. `complete` is False for a stream that was cut before it said its end."""

    text: str = ""
    finish_reason: str | None = None
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error: str | None = None
    complete: bool = False


def parse_answer(body: bytes, *, streamed: bool) -> Completion:
    """Read an answer. An engine that refuses a request for a stream answers it with plain JSON."""
    if streamed and not body.lstrip().startswith(b"{"):
        return _parse_stream(body)
    return _parse_json(body)


def parse_json(text: str | bytes) -> Any:
    """The JSON value, or None where it is not JSON or nested deeper than any real one."""
    try:
        return pydantic_core.from_json(text)
    except ValueError:
        return None


def data_of_events(text: str) -> Iterator[str]:
    """The data of each server-sent event, the last one also where its blank line is missing.

    https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    """
    lines: list[str] = []
    text = text.removeprefix("\ufeff")
    for line in (*(_LINE_END.split(text) if "\r" in text else text.split("\n")), ""):
        if line.startswith("data:"):
            lines.append(line[5:].removeprefix(" "))
        elif line == "data":
            lines.append("")
        elif not line and lines:
            yield "\n".join(lines)
            lines = []


def error_message(body: Any) -> str | None:
    """The message of an error body: OpenAI's `{"error": {"message"}}` or vLLM's older `{"message"}`."""
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if isinstance(error, str):
        return error
    if isinstance(error, dict):
        return _text(error.get("message")) or json.dumps(error)
    if body.get("object") == "error" or "detail" in body:
        return _text(body.get("message")) or json.dumps(body.get("detail"))
    return None


def _parse_json(body: bytes) -> Completion:
    answer = parse_json(body)
    found = Completion(complete=True, error=error_message(answer))
    if found.error is not None:
        return found
    choice = _first_choice(answer)
    if choice is None:
        found.error = "the answer is no completion: JSON with choices was expected"
        return found
    message = _object(choice.get("message"))
    found.text = _text(message.get("content")) or _text(choice.get("text"))
    found.finish_reason = _text(choice.get("finish_reason")) or None
    found.tool_calls = [_tool_call(call) for call in _list(message.get("tool_calls"))]
    _take_usage(found, answer)
    return found


def _parse_stream(body: bytes) -> Completion:
    found = Completion()
    texts: list[str] = []
    calls: dict[int, dict[str, Any]] = {}
    chunks = 0
    for chunk in _chunks(body.decode(errors="ignore")):
        if chunk is _DONE:
            found.complete = True
            continue
        found.error = error_message(chunk) or found.error
        _take_usage(found, chunk)
        choice = _first_choice(chunk)
        if choice is None:
            continue
        delta = _object(choice.get("delta"))
        piece = _text(delta.get("content")) or _text(choice.get("text"))
        fragments = _list(delta.get("tool_calls"))
        for fragment in fragments:
            _take_fragment(calls, _object(fragment))
        texts.append(piece)
        chunks += bool(piece or fragments)
        found.finish_reason = _text(choice.get("finish_reason")) or found.finish_reason
    found.text = "".join(texts)
    found.tool_calls = [_tool_call(calls[index]) for index in sorted(calls)]
    if found.completion_tokens is None:
        found.completion_tokens = chunks
    return found


def _chunks(text: str) -> list[Any]:
    """The JSON values of a stream's events, `_DONE` where it says its end, None for what is no JSON."""
    texts = list(data_of_events(text))
    done = [data.strip() == "[DONE]" for data in texts]
    # Parsed at one go: a stream has an event a token, and each call costs more than the token.
    all_at_once = parse_json(
        f"[{','.join('null' if ends else data for data, ends in zip(texts, done, strict=True))}]"
    )
    if not isinstance(all_at_once, list) or len(all_at_once) != len(texts):
        all_at_once = [parse_json(data) for data in texts]
    return [_DONE if ends else chunk for chunk, ends in zip(all_at_once, done, strict=True)]


def _first_choice(answer: Any) -> dict[str, Any] | None:
    """The choice with index 0; with `n` above 1 the others are not looked at."""
    for choice in _list(_object(answer).get("choices")):
        if isinstance(choice, dict) and choice.get("index", 0) == 0:
            return choice
    return None


def _take_usage(found: Completion, answer: Any) -> None:
    usage = _object(_object(answer).get("usage"))
    if not usage:
        return
    found.prompt_tokens = _count(usage.get("prompt_tokens"), found.prompt_tokens)
    found.completion_tokens = _count(usage.get("completion_tokens"), found.completion_tokens)


def _take_fragment(calls: dict[int, dict[str, Any]], fragment: dict[str, Any]) -> None:
    """Add a piece of a streamed tool call to the call with its index."""
    index = _count(fragment.get("index"), 0) or 0
    call = calls.setdefault(index, {"function": {"name": "", "arguments": ""}})
    function = _object(fragment.get("function"))
    for name in ("id", "type"):
        if fragment.get(name):
            call[name] = fragment[name]
    for name in ("name", "arguments"):
        call["function"][name] += _text(function.get(name))


def _tool_call(call: Any) -> dict[str, Any]:
    """A tool call in one shape, whichever way it came."""
    function = _object(_object(call).get("function"))
    return {
        "id": _text(_object(call).get("id")),
        "type": _text(_object(call).get("type")) or "function",
        "function": {"name": _text(function.get("name")), "arguments": _text(function.get("arguments"))},
    }


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any, otherwise: int | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
