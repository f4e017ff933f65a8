"""Which headers pass from one connection to the next."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any, Final

Headers = list[tuple[bytes, bytes]]

_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)  # RFC 9110, 7.6.1

# The client of `router.proxy.wire.upstream` says these itself, or has already dealt with them. Without
# `accept-encoding` an answer comes uncompressed, so that the record of it can be read.
_REPLACED: Final = _HOP_BY_HOP | {b"host", b"content-length", b"expect", b"accept-encoding"}

_USUAL: Final = frozenset({b"keep-alive", b"Keep-Alive", b"close", b""})

# What clients authorise themselves with: OpenAI's, and what Azure and Anthropic call theirs.
_SECRETS: Final = (b"authorization:", b"api-key:", b"x-api-key:")


def is_hop_by_hop(name: bytes) -> bool:
    """Whether a header (lower-case name) speaks of one connection only."""
    return name in _HOP_BY_HOP


def is_stream(headers: Headers) -> bool:
    """Whether an answer is a stream of server-sent events."""
    for name, value in headers:  # a loop, because this is asked on every request
        if name == b"content-type":
            return b"text/event-stream" in value
    return False


def named_by(connection: bytes) -> frozenset[bytes]:
    """The headers that a `connection` header names, which speak of that connection alone (RFC 9110, 7.6.1)."""
    if connection in _USUAL:
        return frozenset()
    return frozenset(name.strip().lower() for name in connection.split(b","))


def request_lines(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The client's headers as the lines that go to the engine: names in lower case, end of line each."""
    for name, value in headers:
        if name == b"connection" and value not in _USUAL:
            named = named_by(value)
            headers = [pair for pair in headers if pair[0] not in named]
    return b"".join([b"%b: %b\r\n" % pair for pair in headers if pair[0] not in _REPLACED])


def with_authorization(lines: bytes, value: bytes) -> bytes:
    """Header lines with this authorization in place of the client's, which is not for that engine's eyes."""
    kept = [line for line in lines.splitlines(keepends=True) if not line.startswith(_SECRETS)]
    return b"".join([*kept, b"authorization: %b\r\n" % value])


def request_target(scope: MutableMapping[str, Any]) -> bytes:
    """The request's path and query as the client wrote them."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return path + b"?" + query if query else path
