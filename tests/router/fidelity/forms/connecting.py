"""The same request over HTTP as few speak it: old, chunked, in a row, with headers that mean something on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from tests.router.fidelity.forms.form import CHAT, JSON, Form, chat, head, post

_HEADERS: Final[dict[str, tuple[str, ...]]] = {
    "gzip": ("Accept-Encoding: gzip, deflate, br, zstd",),
    "close": ("Connection: close",),
    "keep-alive": ("Connection: Keep-Alive", "Keep-Alive: timeout=5"),
    "names another header": ("Connection: X-Mine", "X-Mine: 1"),
    "trailers wanted": ("TE: trailers", "Connection: TE"),
    "authorization": ("Authorization: Bearer sk-none", "OpenAI-Organization: o", "OpenAI-Beta: x"),
    "upper case": ("ACCEPT: APPLICATION/JSON", "X-STAINLESS-LANG: PYTHON"),
    "an empty header": ("X-Empty:",),
    "latin-1": ("X-Name: Andr\xe9",),
    "the same twice": ("X-Twice: 1", "X-Twice: 2"),
    "stream accepted only": ("Accept: text/event-stream",),
    "a trace": ("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate: a=1"),
    "many": tuple(f"X-Number-{number}: {number}" for number in range(150)),
    "long": (f"X-Long: {'x' * 20_000}",),
    "a session": ("x-session-id: s-1", "x-end-user-id: ada"),
}
_UPGRADE: Final = (
    "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"
)  # fmt: skip


def connections(model: str) -> Iterator[Form]:
    """All of them."""
    body = json.dumps(chat(model)).encode()
    stream = json.dumps(chat(model, stream=True)).encode()
    for name, headers in _HEADERS.items():
        yield Form(f"headers: {name}", (post(CHAT, body, *headers),))
        yield Form(f"headers of a stream: {name}", (post(CHAT, stream, *headers),))
    why = "a request that wants another protocol keeps its body, which vLLM drops, and ends its connection"
    ours = frozenset({"kept", "status", "reason", "headers", "body"})
    yield Form("HTTP/2 wanted", (post(CHAT, body, *_UPGRADE),), ("POST",), ours, why)
    yield Form("its own name", (post(CHAT, body, "X-Request-Id: shop-1"),))
    yield Form("its own name, stream", (post(CHAT, stream, "X-Request-Id: shop-2"),))
    yield from _old(body, stream)
    yield from _chunked(body, stream)
    yield from _expecting(body, stream)
    yield from _in_a_row(body, stream)
    yield from _lines(post(CHAT, body))


def _old(body: bytes, stream: bytes) -> Iterator[Form]:
    yield Form("HTTP/1.0", (post(CHAT, body, version="1.0"),))
    yield Form("HTTP/1.0: kept", (post(CHAT, body, "Connection: keep-alive", version="1.0"),))
    yield Form("HTTP/1.0: models", (head("GET", "/v1/models", version="1.0"),), ("GET",))
    why = "HTTP/1.0 knows no chunks, which vLLM sends all the same: the connection's end is the stream's"
    told = post(CHAT, stream, version="1.0")
    yield Form("HTTP/1.0: stream", (told,), ("POST",), frozenset({"framing"}), why)


def _chunked(body: bytes, stream: bytes) -> Iterator[Form]:
    def told(*chunks: bytes, end: bytes = b"0\r\n\r\n", word: str = "chunked") -> bytes:
        written = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
        return head("POST", CHAT, JSON, f"Transfer-Encoding: {word}") + written + end

    yield Form("chunked", (told(body[:9], body[9:]),))
    yield Form("chunked: stream", (told(stream),))
    yield Form("chunked: a byte each", (told(*(body[at : at + 1] for at in range(len(body)))),))
    yield Form("chunked: trailers", (told(body, end=b"0\r\nX-Sum: 1\r\n\r\n"),))
    yield Form("chunked: upper case", (told(body, word="Chunked"),))
    yield Form("chunked: empty", (told(),))
    extended = head("POST", CHAT, JSON, "Transfer-Encoding: chunked") + b"%x;a=b\r\n%b\r\n0\r\n\r\n" % (
        len(body),
        body,
    )
    yield Form("chunked: extensions", (extended,))


def _expecting(body: bytes, stream: bytes) -> Iterator[Form]:
    for kind, written in (("", body), (" of a stream", stream), (", and is refused", b'{"model":')):
        waiting = head("POST", CHAT, JSON, f"Content-Length: {len(written)}", "Expect: 100-continue")
        yield Form(f"expects to go on{kind}", (waiting, written))
    yield Form("expects, and does not wait", (post(CHAT, body, "Expect: 100-continue"),))


def _in_a_row(body: bytes, stream: bytes) -> Iterator[Form]:
    one = post(CHAT, body)
    yield Form("two in a row", (one + post(CHAT, stream),), ("POST", "POST"))
    three = one + head("GET", "/v1/models") + post(CHAT, b"{")
    yield Form("three in a row", (three,), ("POST", "GET", "POST"))


def _lines(one: bytes) -> Iterator[Form]:
    yield Form("upper-case names", (one.replace(b"Content-", b"CONTENT-").replace(b"Host", b"HOST"),))
    yield Form("lower-case names", (one.replace(b"Content-", b"content-").replace(b"Host", b"host"),))
    yield Form("whole address", (one.replace(b"POST /", b"POST http://engine/"),))
    yield Form("query", (one.replace(b" HTTP/", b"?api-version=2 HTTP/", 1),))
    yield Form("no host", (one.replace(b"Host: engine\r\n", b""),))
    yield Form("blank line before", (b"\r\n" + one,))
    yield Form("blanks around a value", (one.replace(b"Host: engine", b"Host:  \t engine \t "),))
    why = "what is no HTTP is refused as JSON in OpenAI's shape, by vLLM's server as text"
    for name, raw in {
        "method in lower case": one.replace(b"POST", b"post", 1),
        "method that nobody knows": one.replace(b"POST", b"BREW", 1),
        "space before the colon": one.replace(b"Host:", b"Host :"),
        "folded header": one.replace(b"Host: engine", b"Host: engine\r\nX-Long: a\r\n b"),
        "line feeds alone": one.replace(b"\r\n", b"\n"),
        "length twice": one.replace(b"Host:", b"Content-Length: 1\r\nHost:"),
        "length and chunks": one.replace(b"Host:", b"Transfer-Encoding: chunked\r\nHost:"),
        "version 1.2": one.replace(b"HTTP/1.1", b"HTTP/1.2", 1),
        "no HTTP": b"hello\r\n\r\n",
    }.items():
        yield Form(f"malformed: {name}", (raw,), ("POST",), frozenset({"headers", "body"}), why)
