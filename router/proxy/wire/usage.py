"""A stream's usage, where its client did not ask for it: asked for, recorded, and taken out again.

`stream_options.include_usage` makes an engine send one more event, without choices, before `[DONE]`. What the client
gets is then byte for byte what vLLM would have sent without. (OpenAI's own service also says `"usage": null` in every
other event; that stays.)
"""

from __future__ import annotations

import re
from typing import Any, Final

import pydantic_core

_STREAM: Final = b'"stream"'
_OPTIONS: Final = b'"stream_options"'
_ASKS: Final = b',"stream_options":{"include_usage":true}}'
_PLAIN: Final = rb'"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[-+.0-9A-Za-z]+)\s*'
_LAST: Final = re.compile(rb'"stream"\s*:\s*true\s*(?:,\s*' + _PLAIN + rb")*\}\s*")
"""A key that nothing but plain members of the same object follow, up to the body's end, is one of the outermost."""
_FIRST: Final = re.compile(rb"\s*\{\s*(?:" + _PLAIN + rb',\s*)*"stream"\s*:\s*true\s*,')
"""And so is one before which nothing else stands."""


def asking_for_usage(body: bytes) -> bytes | None:
    """The request's body with the usage asked for; None where it wants no stream, or says itself what it wants.

    Most bodies are not parsed for it. Of one that is no valid JSON anything may come: the engine refuses it.
    """
    at = body.rfind(_STREAM)
    if at < 0 or _OPTIONS in body or not _wants_stream(body, at):
        return None
    end = body.rindex(b"}")
    return body[:end] + _ASKS


def _wants_stream(body: bytes, at: int) -> bool:
    """Whether `stream` is true in a body whose last `"stream"` is at `at`."""
    if _LAST.fullmatch(body, at):
        return True
    first = _FIRST.match(body)
    if first is not None and first.end() > at:
        return body.rstrip()[-1:] == b"}"
    try:
        fields: Any = pydantic_core.from_json(body)
    except ValueError:
        return False
    return isinstance(fields, dict) and fields.get("stream") is True


class UsageTaken:
    """Takes the event of usage out of a stream, which comes in whole lines."""

    __slots__ = ("_gap",)

    def __init__(self) -> None:
        self._gap = False

    def touches(self, data: bytes) -> bool:
        """Whether there may be something to take out of these lines; nearly never."""
        return self._gap or b'"usage"' in data

    def part(self, data: bytes) -> bytes:
        """What of these lines is the client's."""
        kept = []
        for line in data.splitlines(keepends=True):
            if self._gap:
                self._gap = False
                if not line.strip():  # the end of the event that was taken out
                    continue
            if line.startswith(b"data:") and _is_usage(line[5:]):
                self._gap = True
            else:
                kept.append(line)
        return b"".join(kept)


def _is_usage(data: bytes) -> bool:
    if b'"usage"' not in data:
        return False
    try:
        event: Any = pydantic_core.from_json(data)
    except ValueError:
        return False
    return isinstance(event, dict) and event.get("choices") == [] and isinstance(event.get("usage"), dict)
