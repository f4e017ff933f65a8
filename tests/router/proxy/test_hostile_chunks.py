"""Chunked bodies, trailers, `Upgrade` and `Expect` of clients, malformed, endless or meant for the next request.

What is refused has a 4xx and ends the connection; what is taken leaves nothing to the request behind it. A trailer
reaches nobody, whatever it calls itself.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from tests.router.proxy.test_hostile import (
    GROWTH_MB,
    PATIENCE_S,
    STATUS,
    TOKEN,
    Target,
    target,
    well_meant,
)

pytestmark = pytest.mark.slow

BEHIND = b"TOK9_"


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with target(tmp_path_factory.mktemp("chunks")) as found:
        yield found


def chunked(rest: bytes) -> bytes:
    return b"POST /v1/completions HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n" + rest


CLOSES = (b"connection: close", b"transfer-encoding")
"""Trailers behind which nothing is answered on the same connection."""
LAST = b"0\r\n\r\n"
NO_SIZE = {
    "a plus": b"+1\r\nx\r\n",
    "a minus": b"-1\r\nx\r\n",
    "a space before": b" 1\r\nx\r\n",
    "a space behind": b"1 \r\nx\r\n",
    "a tab behind": b"1\t\r\nx\r\n",
    "an underscore": b"1_0\r\n" + b"x" * 16 + b"\r\n",
    "0x": b"0x1\r\nx\r\n",
    "a digit that is none of ASCII": "\uff11\r\nx\r\n".encode(),
    "too many digits": b"f" * 17 + b"\r\nx",
    "more than the body may be": b"f" * 16 + b"\r\n" + b"x" * 70_000,
    "none": b"\r\nx\r\n",
    "an extension alone": b";a=b\r\nx\r\n",
    "a zero byte in an extension": b"1;a\0b\r\nx\r\n",
    "a quote that does not end": b'1;a="b\r\nx\r\n',
    "no end of line behind the data": b"1\r\nx0\r\n\r\n",
    "more data than announced": b"1\r\nxy\r\n",
    "LF alone behind the size": b"1\nx\r\n",
    "LF alone behind an extension": b"1;a\nx\r\n",
    "LF alone behind the data": b"1\r\nx\n",
    "CR alone": b"1\rx\r",
}
NO_TRAILER = {
    "a length": b"content-length: 5\r\n",
    "an encoding": b"transfer-encoding: xchunked\r\n",
    "a space in its name": b"a b: c\r\n",
    "LF alone": b"a: b\n",
    "a folded line": b"a: b\r\n c\r\n",
    "no colon": b"GET /v1/models HTTP/1.1\r\n",
    "too many": b"a: b\r\n" * 60,
    "too large": b"a: " + b"v" * 9000 + b"\r\n",
}
ENDLESS = {
    "zeros": b"0" * 60_000,
    "an extension": b"1;" + b"e" * 60_000,
    "extensions": b"1\r\nx\r\n1" + b";e=f" * 15_000,
    "trailers": b"0\r\n" + b"a: b\r\n" * 10_000,
    "a trailer": b"0\r\na: " + b"v" * 60_000,
}
DROPPED = [
    b"host: other", b"authorization: Bearer stolen", b"x-session-id: t", b"connection: close", b"te: trailers",
    b"cookie: a=b", b"x-api-key: stolen", b"expect: 100-continue", b"content-type: text/event-stream",
    b"connection: upgrade\r\nupgrade: h2c", b"transfer-encoding: chunked",
]  # fmt: skip


def refused(router: Target, raw: bytes) -> None:
    """It has one answer, a 4xx, and nothing behind it is asked."""
    said = router.says(raw + well_meant(BEHIND), half_close=False)
    statuses = STATUS.findall(said)
    assert len(statuses) == 1, said[:2000]
    assert b"400" <= statuses[0] < b"500"
    assert TOKEN.findall(said) == []
    router.still_answers()


@pytest.mark.parametrize("size", NO_SIZE)
def test_a_chunk_that_does_not_say_its_size_plainly_ends_the_connection(router: Target, size: str) -> None:
    refused(router, chunked(NO_SIZE[size] + LAST))


@pytest.mark.parametrize("trailer", NO_TRAILER)
def test_a_trailer_that_says_where_a_body_ends_or_is_none_ends_the_connection(
    router: Target, trailer: str
) -> None:
    refused(router, chunked(b"1\r\nx\r\n0\r\n" + NO_TRAILER[trailer] + b"\r\n"))


@pytest.mark.parametrize("trailer", DROPPED)
def test_a_trailer_reaches_neither_the_engine_nor_the_next_request(router: Target, trailer: bytes) -> None:
    behind = well_meant(BEHIND).replace(b"host: h", b"host: h\r\nconnection: close")
    said = router.says(chunked(b"5\r\nTOK8_\r\n0\r\n" + trailer + b"\r\n\r\n") + behind, half_close=False)
    assert all(value not in said for value in (b"stolen", b"other", b"a=b", b"trailers", b"event-stream"))
    assert set(STATUS.findall(said)) <= {b"200", b"400"}
    assert b"100 Continue" not in said
    if trailer.startswith(CLOSES):
        assert BEHIND not in said
    else:
        assert TOKEN.findall(said) == [b"TOK8_", BEHIND]


@pytest.mark.parametrize("expect", [b"100-continue", b"100-Continue", b"a-miracle", b""])
def test_a_client_that_expects_to_be_told_to_go_on_is_told_so_once(router: Target, expect: bytes) -> None:
    head, _, body = well_meant(BEHIND).partition(b"\r\n\r\n")
    said = b""
    with socket.create_connection(("127.0.0.1", router.port), timeout=PATIENCE_S) as client:
        client.sendall(head + b"\r\nexpect: " + expect + b"\r\n\r\n")
        if expect.lower() == b"100-continue":
            said = client.recv(65536)
            assert said == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body + well_meant(BEHIND).replace(b"host: h", b"host: h\r\nconnection: close"))
        said = b""
        while part := client.recv(65536):
            said += part
    assert STATUS.findall(said) == [b"200", b"200"]
    assert b"expect" not in said


def test_a_client_of_http_1_0_is_told_nothing_in_between(router: Target) -> None:
    raw = well_meant(BEHIND).replace(b"HTTP/1.1\r\n", b"HTTP/1.0\r\nexpect: 100-continue\r\n")
    assert STATUS.findall(router.says(raw, half_close=False)) == [b"200"]


@pytest.mark.parametrize("settings", [b"", b", http2-settings"])
def test_an_upgrade_to_http_2_is_answered_as_if_it_had_not_been_asked_for(
    router: Target, settings: bytes
) -> None:
    asks = b"host: h\r\nconnection: upgrade%b\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__" % settings
    raw = well_meant(BEHIND).replace(b"host: h", asks)
    said = router.says(raw + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + well_meant(b"TOK1_"), half_close=False)
    assert STATUS.findall(said) == [b"200"]
    assert TOKEN.findall(said) == [BEHIND]
    assert b"upgrade" not in said
    assert b"AAMAAABk" not in said
    router.still_answers()


@pytest.mark.parametrize("what", ENDLESS)
def test_chunks_and_trailers_without_end_cost_neither_memory_nor_others_time(
    router: Target, what: str
) -> None:
    before = router.resident_mb()
    for _ in range(5):
        sent = 0
        with socket.create_connection(("127.0.0.1", router.port), timeout=PATIENCE_S) as client:
            client.sendall(chunked(b""))
            said = b""
            client.settimeout(0.005)
            while sent < 1 << 24 and b"HTTP/1.1 4" not in said:
                with contextlib.suppress(ConnectionError, TimeoutError):
                    client.sendall(ENDLESS[what])
                    sent += len(ENDLESS[what])
                with contextlib.suppress(ConnectionError, TimeoutError):
                    said += client.recv(65536)
        assert STATUS.findall(said)[0] in (b"400", b"408", b"431"), sent
        router.still_answers()
    assert router.resident_mb() - before < GROWTH_MB
