"""A client of HTTP/1.1 that sends bytes as they are given and keeps every byte that comes, also of what is odd.

Not the router's own parser, nor that of a library that it uses: what one of them takes for granted is looked at here.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal

PATIENCE_S: Final = 120.0
"""No answer of an engine is later on a busy machine."""
_NO_BODY: Final = frozenset({204, 304})
_NEXT: Final = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

Framing = Literal["none", "length", "chunked", "close"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `interim` are the statuses of the interim ones (100) before it; names of headers as they came."""

    interim: tuple[int, ...]
    version: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    framing: Framing


@dataclass(frozen=True, slots=True)
class Heard:
    """All that a connection brought. `kept` says whether one more request was answered on it afterwards."""

    answers: tuple[Answer, ...]
    kept: bool


class NotHttp(Exception):
    """What came is no answer; says what it was."""


def ask(host: str, port: int, parts: tuple[bytes, ...], methods: tuple[str, ...]) -> Heard:
    """Send the parts and hear an answer to each request (of these methods). Raises NotHttp and TimeoutError.

    Before each part after the first it waits for an interim answer, as a client that says `Expect: 100-continue` does;
    where the final answer comes instead, the rest is not sent.
    """
    with socket.create_connection((host, port), timeout=PATIENCE_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection.makefile("rb") as said:
            connection.sendall(parts[0])
            interim: list[int] = []
            answers = list(_answers(connection, said, parts[1:], methods, interim))
            return Heard(tuple(answers), bool(answers) and _is_kept(connection, said))


def _answers(
    connection: socket.socket,
    said: BinaryIO,
    rest: tuple[bytes, ...],
    methods: tuple[str, ...],
    interim: list[int],
) -> Iterator[Answer]:
    for method in methods:
        while (head := _head(said)) is not None and head[1] < 200:
            interim.append(head[1])
            if rest:
                connection.sendall(rest[0])
                rest = rest[1:]
        if head is None:
            return
        version, status, reason, headers = head
        framing, body = _body(said, method, status, headers)
        yield Answer(tuple(interim), version, status, reason, headers, body, framing)
        interim.clear()


def _head(said: BinaryIO) -> tuple[str, int, str, tuple[tuple[str, str], ...]] | None:
    line = said.readline()
    if not line:
        return None
    version, _, told = line.decode("latin-1").rstrip("\r\n").partition(" ")
    status, _, reason = told.partition(" ")
    if not version.startswith("HTTP/") or not status.isdigit() or not line.endswith(b"\r\n"):
        raise NotHttp(f"a status line, not {line!r}")
    headers = []
    while (line := said.readline()) != b"\r\n":
        if not line.endswith(b"\r\n") or b":" not in line:
            raise NotHttp(f"a header, not {line!r}")
        name, _, value = line.decode("latin-1").removesuffix("\r\n").partition(":")
        headers.append((name, value.strip(" \t")))
    return version, int(status), reason, tuple(headers)


def _body(
    said: BinaryIO, method: str, status: int, headers: tuple[tuple[str, str], ...]
) -> tuple[Framing, bytes]:
    found = {name.lower(): value for name, value in headers}
    if method == "HEAD" or status in _NO_BODY:
        return "none", b""
    if found.get("transfer-encoding", "").lower() == "chunked":
        return "chunked", b"".join(_chunks(said))
    if "content-length" in found:
        body = said.read(int(found["content-length"]))
        if len(body) != int(found["content-length"]):
            raise NotHttp(f"a body of {found['content-length']} bytes, not {len(body)}")
        return "length", body
    return "close", said.read()


def _chunks(said: BinaryIO) -> Iterator[bytes]:
    while size := int(said.readline().split(b";")[0], 16):
        chunk = said.read(size + 2)
        if len(chunk) != size + 2 or not chunk.endswith(b"\r\n"):
            raise NotHttp(f"a chunk of {size} bytes, not {chunk[-20:]!r}")
        yield chunk[:-2]
    if (line := said.readline()) != b"\r\n":
        raise NotHttp(f"the end of the chunks, not {line!r}")


def _is_kept(connection: socket.socket, said: BinaryIO) -> bool:
    with contextlib.suppress(OSError, NotHttp):
        connection.sendall(_NEXT)
        return _head(said) is not None
    return False
