"""Which headers pass from one connection to the next."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final

Headers = list[tuple[bytes, bytes]]

_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)  # RFC 9110, 7.6.1; RFC 7540, 3.2.1

# `router.proxy.wire.connection` says these itself, or has already dealt with them. Without
# `accept-encoding` an answer comes uncompressed, so that the record of it can be read.
REPLACED: Final = _HOP_BY_HOP | {b"host", b"content-length", b"expect", b"accept-encoding"}

_USUAL: Final = frozenset({b"keep-alive", b"Keep-Alive", b"close", b""})

# What clients authorise themselves with: OpenAI's, and what Azure and Anthropic call theirs.
_SECRET_NAMES: Final = (b"authorization", b"api-key", b"x-api-key")
_SECRETS: Final = tuple(name + b":" for name in _SECRET_NAMES)

REPLACED_AND_SECRETS: Final = REPLACED.union(_SECRET_NAMES)
"""What stays behind where clients have keys of ours, which are no engine's business."""


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


def secret_in(headers: Mapping[bytes, bytes]) -> bytes | None:
    """What a client authorises itself with; None where it does not."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and (token := token.strip()):
        return token
    return headers.get(b"api-key") or headers.get(b"x-api-key") or None


def request_lines(headers: Sequence[tuple[bytes, bytes]], dropped: frozenset[bytes] = REPLACED) -> bytes:
    """The client's headers as the lines that go to the engine: names in lower case, end of line each.

    Those `dropped` stay behind: `REPLACED`, or `REPLACED_AND_SECRETS`.
    """
    for name, value in headers:
        if name == b"connection" and value not in _USUAL:
            named = named_by(value)
            headers = [pair for pair in headers if pair[0] not in named]
    return b"".join([b"%b: %b\r\n" % pair for pair in headers if pair[0] not in dropped])


def with_authorization(lines: bytes, value: bytes) -> bytes:
    """Header lines with this authorization in place of the client's, which is not for that engine's eyes."""
    kept = [line for line in lines.splitlines(keepends=True) if not line.startswith(_SECRETS)]
    return b"".join([*kept, b"authorization: %b\r\n" % value])


def with_line(lines: bytes, name: bytes, value: bytes) -> bytes:
    """Header lines with this header in place of those of its name."""
    begin = name + b":"
    if begin in lines:
        lines = b"".join(line for line in lines.splitlines(keepends=True) if not line.startswith(begin))
    return b"%b%b: %b\r\n" % (lines, name, value)


def with_own(headers: Headers, own: Headers) -> Headers:
    """An answer's headers with ours, in place of the engine's of the same names."""
    if dict(headers).keys().isdisjoint(dict(own)):  # nearly always
        return headers + own
    names = {name for name, _ in own}
    return [*(pair for pair in headers if pair[0] not in names), *own]


def raw_path(scope: MutableMapping[str, Any]) -> bytes:
    """The request's path as the client wrote it, without the query."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return path


def request_target(scope: MutableMapping[str, Any]) -> bytes:
    """The request's path and query as the client wrote them."""
    path = raw_path(scope)
    query: bytes = scope.get("query_string", b"")
    return path + b"?" + query if query else path
