"""A request that asks for another protocol (`Upgrade: h2c`, as Java's client does) and has a body all the same.

Who does not speak the protocol answers as if it had not been asked for (RFC 9110, 7.8). llhttp stops behind the head of
such a request, whatever comes then, so its body is read by a parser of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import httptools

_FRAMING: Final = (b"content-length", b"transfer-encoding")


class TakesBody(Protocol):
    """Whoever is told of a body."""

    def on_body(self, body: bytes) -> None:
        """A piece of it."""

    def on_message_complete(self) -> None:
        """Its end."""


class _Behind:
    """What a parser tells of a request whose head is known; not of headers, nor of trailers."""

    def __init__(self, told: TakesBody) -> None:
        self.on_body = told.on_body
        self.on_message_complete = told.on_message_complete


def framing_of(scope: Mapping[str, Any]) -> bytes | None:
    """The header lines that say how long the request's body is; None where it has none."""
    if scope["method"] == "CONNECT":  # what follows is a tunnel's
        return None
    lines = [b"%b: %b\r\n" % pair for pair in scope["headers"] if pair[0] in _FRAMING]
    return b"".join(lines) or None


def body_parser(told: TakesBody, framing: bytes) -> httptools.HttpRequestParser:
    """A parser that expects a body that is framed so, and nothing behind it."""
    parser = httptools.HttpRequestParser(_Behind(told))
    parser.feed_data(b"POST / HTTP/1.1\r\nconnection: close\r\n%b\r\n" % framing)
    return parser
