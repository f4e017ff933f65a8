"""What a request's body says of who asks: read for the assignment, and taken out of what is recorded. Pure.

A body is parsed only where such a key may stand in it: looking is much cheaper.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from router.proxy.wire.client import TooDeep
from telemetry.privacy import IDENTIFYING

_USER: Final = b'"user"'
_OTHERS: Final = tuple(f'"{name}"'.encode() for name in sorted(IDENTIFYING - {"user"}))
_KEY_WITHIN: Final = 16
"""Bytes behind a name within which the colon stands that makes it a key."""
_ESCAPED_LETTER: Final = re.compile(rb"\\u00[4-7]")


def end_user_and_rest(body: bytes) -> tuple[str | None, bytes]:
    r"""The body's `user`, where that is a string, and the body as it may be recorded. Raises TooDeep.

    A body that names its end user, or may, and cannot be read is recorded as an empty one: nobody can tell what of it
    is the name, and whoever reads the record could not read it either.

    >>> end_user_and_rest(b'{"model": "m", "user": "ann", "metadata": {"mail": "a@b.c"}}')
    ('ann', b'{"model":"m"}')
    """
    names_user = _has_key(body, _USER)
    if not names_user and not _may_identify(body):
        return None, body
    try:
        fields = json.loads(body)
    except ValueError:
        return None, b""
    except RecursionError:
        if names_user:
            raise TooDeep from None
        return None, b""
    if not isinstance(fields, dict):
        return None, body
    user = fields.get("user") if names_user else None
    return user if isinstance(user, str) else None, _without_identity(fields, body)


def _without_identity(fields: dict[str, Any], body: bytes) -> bytes:
    if IDENTIFYING.isdisjoint(fields):
        return body
    kept = {name: value for name, value in fields.items() if name not in IDENTIFYING}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _may_identify(body: bytes) -> bool:
    """Whether one of the keys may be there beside `"user"`, or any of them in another spelling than usual."""
    for name in _OTHERS:
        if name in body and _has_key(body, name):
            return True
    # Keys may be written with escapes, and the whole in UTF-16 or UTF-32, where every key has bytes of zero.
    return (b"\\u00" in body and _ESCAPED_LETTER.search(body) is not None) or b"\0" in body


def _has_key(body: bytes, quoted: bytes) -> bool:
    """Whether the name stands somewhere as a key, and not only as a value: `user` is a role in every chat body."""
    at = body.find(quoted)
    while at >= 0:
        at += len(quoted)
        if body[at : at + _KEY_WITHIN].lstrip().startswith(b":"):
            return True
        at = body.find(quoted, at)
    return False
