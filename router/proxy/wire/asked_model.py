"""Which model a request asks for: the `model` of its body, as `json` would read it, without parsing most bodies.

Looking is much cheaper than parsing, and wrong only where it is unsure; then the body is parsed.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from router.proxy.wire.client import TooDeep

_NAME: Final = b'"model"'
_KEY: Final = re.compile(rb'(?<!\\)"model"[ \t\n\r]*:')
_FIRST: Final = re.compile(rb'[ \t\n\r]*\{[ \t\n\r]*"model"[ \t\n\r]*:[ \t\n\r]*"([^"\\\x00-\x1f]*)"')
_OBJECT: Final = re.compile(rb"[ \t\n\r]*\{")
_ESCAPED: Final = b"\\u006"
"""How every one of the letters of `model` begins where it is escaped."""
_MOST_AFTER: Final = 16 << 10
"""Bytes of a body's end that are parsed to see whether its last `model` is the body's own."""


def asked_model(body: bytes) -> str | None:
    """The model that a body names; None where it names none, or is no JSON object.

    Of a body that is no valid JSON any word may come: the engine says what is wrong with it. Raises TooDeep.
    """
    if _OBJECT.match(body) is None:
        return _parsed(body) if _may_be_wide(body) else None
    first = _FIRST.match(body)
    if first is not None and body.find(_NAME, first.end()) < 0 and _ESCAPED not in body:
        return _text(first[1])
    found = _of_the_end(body)
    return found if found is not None else _parsed(body)


def _may_be_wide(body: bytes) -> bool:
    """Whether a body may be JSON in UTF-16, UTF-32, or behind a byte order mark, all of which `json` reads."""
    return body[:1] in (b"\xef", b"\xfe", b"\xff") or b"\x00" in body[:4]


def _text(written: bytes) -> str | None:
    try:
        return written.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None


def _of_the_end(body: bytes) -> str | None:
    """The model by the end of the body alone, where that tells it.

    From a key of the outermost object on, a body is the rest of an object; from one further inside, it closes more
    than it opens and is none. What comes before that key cannot matter, since the last of two keys counts.
    """
    at = body.rfind(_NAME, -_MOST_AFTER)
    while at >= 0 and _KEY.match(body, at) is None:
        at = body.rfind(_NAME, -_MOST_AFTER, at)
    if at < 0:
        return None
    try:
        fields: dict[str, Any] = json.loads(b"{" + body[at:])
    except ValueError:
        return None
    except RecursionError:
        raise TooDeep from None
    model = fields["model"]
    return model if isinstance(model, str) else None


def _parsed(body: bytes) -> str | None:
    if _NAME not in body and _ESCAPED not in body and not _may_be_wide(body):
        return None
    try:
        fields = json.loads(body)
    except ValueError:
        return None
    except RecursionError:
        raise TooDeep from None
    model = fields.get("model") if isinstance(fields, dict) else None
    return model if isinstance(model, str) else None
