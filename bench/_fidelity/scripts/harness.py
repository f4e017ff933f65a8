"""What the programs here share: they run in environments that have nothing of ours."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

URL, MODEL, KIND = sys.argv[-3:]
BASE = f"{URL}/v1"
MESSAGES = [{"role": "user", "content": "Name three colours of the rainbow."}]
GREEDY: dict[str, Any] = {"model": MODEL, "temperature": 0, "max_tokens": 8, "seed": 7}
TOOL = {
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
NAMED = {"type": "function", "function": {"name": "weather"}}
SCHEMA = {
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


def run(modes: dict[str, Callable[[], Any]]) -> None:
    """Run every mode and print what came of each."""
    found = {}
    for name, mode in modes.items():
        try:
            found[name] = {"ok": True, "value": mode()}
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            found[name] = {"ok": False, "value": f"{type(error).__name__}: {error}"}
    print(json.dumps(found, default=str, sort_keys=True))


def joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """What a stream of chat chunks says: text and calls by choice, ends, usage; where it was cut is chance."""
    text: dict[int, str] = {}
    calls: dict[int, str] = {}
    ends: dict[int, Any] = {}
    usage, names = None, set()
    for chunk in chunks:
        names.add(tuple(str(chunk.get(key)) for key in ("id", "object", "created", "model")))
        usage = chunk.get("usage") or usage
        for choice in chunk.get("choices") or []:
            index, delta = choice["index"], choice.get("delta") or {"content": choice.get("text")}
            text[index] = text.get(index, "") + (delta.get("content") or "")
            for call in delta.get("tool_calls") or []:
                calls[index] = calls.get(index, "") + json.dumps(call.get("function"), sort_keys=True)
            ends[index] = choice.get("finish_reason") or ends.get(index)
    tail = [chunk.get("system_fingerprint") for chunk in chunks[-1:]]
    return {
        "text": text,
        "calls": bool(calls),
        "ends": ends,
        "usage": usage,
        "names": len(names),
        "tail": tail,
    }
