"""A stream's usage, where its client did not ask for it: asked for here, taken out again by `usage_taken`.

`stream_options.include_usage` makes an engine send one more event, without choices, before `[DONE]`. (OpenAI's own
service also says `"usage": null` in every other event; that stays.)
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
_ESCAPED: Final = re.compile(rb"\\u00[567]")
"""How a letter of either key begins where it is escaped, which no encoder does."""


def asking_for_usage(body: bytes) -> bytes | None:
    """The request's body with the usage asked for; None where it wants no stream, or says itself what it wants.

    Most bodies are not parsed for it. Of one that is no valid JSON anything may come: the engine refuses it.
    """
    at = body.rfind(_STREAM)
    if at < 0 or _OPTIONS in body or not _wants_stream(body, at):
        return None
    if _ESCAPED.search(body) and not _is_so(body):
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
    return _is_so(body)


def _is_so(body: bytes) -> bool:
    """Whether a body, all of it read, wants a stream and says nothing of its options."""
    try:
        fields: Any = pydantic_core.from_json(body)
    except ValueError:
        return False
    return isinstance(fields, dict) and fields.get("stream") is True and "stream_options" not in fields
