"""What engines answer, malformed, cut or without end: its client sees an error or a cut, never a complete answer.

Neither what an engine says behind its head nor how much of it changes what the router says, holds or does next.
"""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.router.proxy.test_hostile import GROWTH_MB, STATUS, TOKEN, Target, target, well_meant

pytestmark = pytest.mark.slow

FOR_EVER = b"FOR EVER"
MOST_BYTES = 8 << 20
"""What an engine is ever read that says nothing of its answer; it may fill the sockets' buffers beyond."""


class Script(socketserver.BaseRequestHandler):
    """An engine that answers with the bytes that its request names, in hexadecimal digits; else with the request."""

    server: Scripted

    def handle(self) -> None:
        self.request.settimeout(20)
        with contextlib.suppress(OSError), self.request.makefile("rb") as reading:
            while self._answers(reading):
                pass

    def _answers(self, reading: Any) -> bool:
        length = 0
        while line := reading.readline().strip():
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        asked = json.loads(reading.read(length) or b"{}")
        if "say" not in asked:
            said = json.dumps({"echo": asked}).encode()
            self.request.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(said), said))
            return bool(asked)
        once, _, again = bytes.fromhex(asked["say"]).partition(FOR_EVER)
        self.request.sendall(once)
        while again:
            self.request.sendall(again * 100)
            self.server.sent += len(again) * 100
        return bool(asked.get("stays"))


class Scripted(socketserver.ThreadingTCPServer):
    daemon_threads = True
    sent = 0


class Pair(NamedTuple):
    router: Target
    engine: Scripted

    def says(self, answer: bytes, path: str = "/v1/completions", **asked: Any) -> bytes:
        """What the client gets where the engine answers so, until the connection ends."""
        body = json.dumps({"model": "m", "say": answer.hex(), **asked}).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        return self.router.says(head.encode() + body, half_close=False)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with Scripted(("127.0.0.1", 0), Script) as engine:
        thread = threading.Thread(target=engine.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        url = f"http://127.0.0.1:{engine.server_address[1]}"
        arms = {arm: {"arm": arm, "url": url} for arm in ("control", "candidate")}
        try:
            with target(tmp_path_factory.mktemp("engines"), **arms) as router:
                yield Pair(router, engine)
        finally:
            engine.shutdown()
            thread.join()


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM = HEAD.replace(b"application/json", b"text/event-stream")
EVENT = b'data: {"choices": [{"index": 0, "text": "a", "finish_reason": null}]}\n\n'
LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


BROKEN = {
    "no chunk behind": b"",
    "an announced chunk that is cut": b"400\r\ndata: {",
    "a cut size": b"4",
    "a cut end": b"0\r\n",
    "a cut trailer": b"0\r\na: b\r\n",
    "a size that is none": b"xyz\r\n" + LAST,
    "a signed size": b"-5\r\n" + LAST,
    "a size with an underscore": b"1_0\r\n" + b"x" * 16 + b"\r\n" + LAST,
    "0x": b"0x5\r\nhello\r\n" + LAST,
    "too many digits": b"f" * 17 + b"\r\n",
    "more data than announced": b"1\r\nxy\r\n" + LAST,
    "LF alone": b"1\nx\n0\n\n",
    "a trailer that is a length": b"0\r\ncontent-length: 5\r\n\r\nhello",
    "a trailer that is none": b"0\r\nHTTP/1.1 200 OK\r\n\r\n",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_stream_that_breaks_ends_in_an_error_and_never_as_if_it_were_complete(
    pair: Pair, broken: str
) -> None:
    said = pair.says(STREAM + chunk(EVENT) + BROKEN[broken], stream=True)
    assert STATUS.findall(said) == [b"200"]
    assert said.count(EVENT) == 1
    assert b'"error"' in said.partition(EVENT)[2]
    assert b"[DONE]" not in said
    pair.router.still_answers()


@pytest.mark.parametrize("broken", BROKEN)
def test_an_answer_that_breaks_is_none(pair: Pair, broken: str) -> None:
    said = pair.says(HEAD + chunk(b'{"choices": []}') + BROKEN[broken])
    assert STATUS.findall(said) == [b"503"]
    assert b"choices" not in said
    pair.router.still_answers()


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_only_passed_on_is_cut_where_it_breaks(pair: Pair, broken: str) -> None:
    said = pair.says(HEAD + chunk(b'{"data": [') + BROKEN[broken], "/v1/embeddings")
    assert STATUS.findall(said) in ([b"200"], [b"503"])
    assert not said.endswith(LAST) or STATUS.findall(said) == [b"503"]
    pair.router.still_answers()


TRAILERS = (
    b"set-cookie: stolen\r\nx-request-id: stolen\r\ncontent-type: text/html\r\nlocation: http://stolen\r\n"
)


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("path", ["/v1/completions", "/v1/embeddings"])
def test_an_engines_trailers_are_no_headers_of_its_answer(pair: Pair, path: str, stays: bool) -> None:
    answer = HEAD + chunk(b'{"choices": []}') + b"0\r\n" + TRAILERS + b"\r\n"
    said = pair.says(answer, path, stays=stays)
    assert STATUS.findall(said) == [b"200"]
    assert b"stolen" not in said
    assert b"text/html" not in said
    assert b'{"choices": []}' in said
    pair.router.still_answers()


def test_a_streams_trailers_are_no_headers_of_its_answer(pair: Pair) -> None:
    said = pair.says(STREAM + chunk(EVENT + b"data: [DONE]\n\n") + b"0\r\n" + TRAILERS + b"\r\n", stream=True)
    assert said.endswith(LAST)
    assert b"stolen" not in said


ENDLESS = {
    "a head": (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 100),
    "a header": (b"HTTP/1.1 200 OK\r\na: ", b"v" * 1000),
    "a reason": (b"HTTP/1.1 200 ", b"v" * 1000),
    "interim answers": (b"HTTP/1.1 102 Wait\r\n\r\n", b"HTTP/1.1 102 Wait\r\n\r\n"),
    "zeros of a size": (STREAM + chunk(EVENT), b"0" * 1000),
    "an extension": (STREAM + chunk(EVENT) + b"1;", b"e" * 1000),
    "trailers": (STREAM + chunk(EVENT) + b"0\r\n", b"a: b\r\n" * 100),
    "a trailer": (STREAM + chunk(EVENT) + b"0\r\na: ", b"v" * 1000),
    "a stream's trailers behind its end": (STREAM + chunk(b"data: [DONE]\n\n") + b"0\r\n", b"a: b\r\n" * 100),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_an_engine_says_without_end_is_soon_read_no_more(pair: Pair, what: str) -> None:
    before, began, sent = pair.router.resident_mb(), time.monotonic(), pair.engine.sent
    said = pair.says(FOR_EVER.join(ENDLESS[what]), stream=True)
    assert time.monotonic() - began < 5
    assert pair.engine.sent - sent < MOST_BYTES
    assert STATUS.findall(said) in ([b"200"], [b"503"])
    assert b'"error"' in said or b"[DONE]" in said
    pair.router.still_answers()
    assert pair.router.resident_mb() - before < GROWTH_MB


def test_an_engine_that_switches_protocols_has_given_no_answer(pair: Pair) -> None:
    said = pair.says(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\nTOK7_")
    assert STATUS.findall(said) == [b"503"]
    assert TOKEN.findall(said) == []
    pair.router.still_answers()


def test_what_comes_behind_an_answers_end_is_nobodys(pair: Pair) -> None:
    more = HEAD + chunk(b'{"choices": ["TOK7_"]}') + LAST
    assert b"TOK7_" not in pair.says(HEAD + chunk(b'{"choices": []}') + LAST + more, stays=True)
    for _ in range(3):
        assert b"TOK7_" not in pair.router.says(well_meant(b"TOK5_"))
