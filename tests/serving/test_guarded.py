"""What a client may do before it has given a whole request, and how it is told where it may not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from serving.limits import Limits
from serving.server import Unsignalled, config_of, listen
from tests.router.proxy.fakes import until

GET = b"GET /a HTTP/1.1\r\nhost: h\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n"
CHUNKED = b"POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass
class App:
    """An application that answers with what it was sent, once it `may` answer."""

    may: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    left: int = 0
    framed: bool = True
    reads: bool = True
    port: int = 0
    server: Unsignalled | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        body, more = b"", True
        while more and self.reads:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left += 1
                return
            body += message["body"]
            more = message["more_body"]
        if not self.reads:
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b"no"})
            return
        gone = asyncio.ensure_future(receive())
        may = asyncio.ensure_future(self.may.wait())
        await asyncio.wait([gone, may], return_when=asyncio.FIRST_COMPLETED)
        may.cancel()
        if gone.done():
            self.left += 1
            return
        gone.cancel()
        said = scope["path"].encode() + b"|" + body
        headers = [(b"content-length", b"%d" % len(said))] if self.framed else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": said[:3], "more_body": True})
        await send({"type": "http.response.body", "body": said[3:]})

    async def sends(self, *parts: bytes, half_close: bool = False, gap_s: float = 0.0) -> bytes:
        """All that the server says to these bytes until it closes the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(gap_s)
            if half_close:
                writer.write_eof()
        said = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(10):
                while part := await reader.read(65536):
                    said += part
        writer.close()
        return said


@contextlib.asynccontextmanager
async def serving(
    *, framed: bool = True, answers: bool = True, reads: bool = True, **limits: Any
) -> AsyncIterator[App]:
    app = App(framed=framed, reads=reads)
    if answers:
        app.may.set()
    listener = listen("127.0.0.1", 0)
    app.port = listener.getsockname()[1]
    app.server = server = Unsignalled(
        config_of(app, Limits(**{"idle_s": 0.3, "head_s": 5, **limits}), lifespan=False)
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    try:
        yield app
    finally:
        server.should_exit = True
        await task


def refused(said: bytes) -> tuple[int, str]:
    """Status and kind of the one refusal that was said."""
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    error = json.loads(body)["error"]
    status = int(head.split(b" ")[1])
    assert error["code"] == status
    return status, error["type"]


# --- heads -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parts",
    [
        [b"GET /a HTTP/1.1\r\nx: ", *[b"v" * 1000] * 100],
        [b"GET /a HTTP/1.1\r\nx: " + b"v" * 9000 + b"\r\n\r\n"],
        [b"GET /a HTTP/1.1\r\n", *[b"a: b\r\n" * 10] * 100],
        [b"GET /a HTTP/1.1\r\n" + b"a:\r\n" * 1000 + b"\r\n"],
        [b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n"],
        [b"GET /", *[b"a" * 1000] * 100],
    ],
    ids=[
        "a value without end",
        "a long value",
        "headers without end",
        "many headers",
        "a long path",
        "an endless path",
    ],
)
async def test_a_head_is_bounded_in_bytes_and_headers(parts: list[bytes]) -> None:
    async with serving(head_bytes=8000, head_count=50) as app:
        assert refused(await app.sends(*parts)) == (431, "RequestTooLargeError")
        assert app.asked == 0


async def test_a_head_within_its_limits_passes_however_it_is_cut() -> None:
    head = b"GET /a HTTP/1.1\r\n" + b"n: v\r\n" * 40 + b"x: " + b"v" * 7000 + b"\r\n\r\n"
    async with serving(head_bytes=8000, head_count=50) as app:
        for step in (1000, 13, len(head)):
            cut = [head[at : at + step] for at in range(0, len(head), step)]
            assert (await app.sends(*cut)).endswith(b"/a|")


async def test_a_large_body_does_not_count_as_head() -> None:
    async with serving(head_bytes=500) as app:
        said = await app.sends(POST % 5000 + b"x" * 5000 + POST % 3000, b"y" * 3000)
        assert said.count(b"HTTP/1.1 200 OK") == 2
        assert said.endswith(b"y" * 3000)


# --- bodies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([POST % 5000 + b"x" * 5000], 413),
        ([CHUNKED, *[b"64\r\n" + b"x" * 100 + b"\r\n"] * 50], 413),
        ([CHUNKED, *[b"1\r\nx\r\n" * 100] * 10, b"zz"], 400),
        ([CHUNKED, b"1;", *[b"e" * 1000] * 100], 400),
        ([CHUNKED, b"1\r\nx\r\n0\r\nt: ", *[b"v" * 1000] * 100], 400),
        ([CHUNKED, b"1\r\nx\r\n0\r\n", *[b"t: v\r\n" * 100] * 100], 400),
        ([CHUNKED, b"5\r\nx\r\nyyyyyyyyy"], 400),
    ],
    ids=[
        "long",
        "long in chunks",
        "broken chunks",
        "an endless extension",
        "an endless trailer",
        "trailers",
        "cut",
    ],
)
async def test_a_body_is_bounded_in_bytes_and_in_what_frames_it(parts: list[bytes], status: int) -> None:
    async with serving(body_bytes=4000, head_bytes=8000) as app:
        assert refused(await app.sends(*parts, gap_s=0.001))[0] == status
        await until(lambda: app.left == app.asked == 1)


async def test_trailers_are_not_headers() -> None:
    async with serving() as app:
        assert (await app.sends(CHUNKED + b"1\r\nx\r\n0\r\nx-session-id: other\r\n\r\n")).endswith(b"/a|x")


# --- seconds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parts", [[b"GET /a HT"], [GET + b"GET /"], [b"GET /a HTTP/1.1\r\n", b"a: b\r\n", b"c: d\r\n"]]
)
async def test_a_head_has_its_seconds(parts: list[bytes]) -> None:
    async with serving(head_s=0.2, idle_s=5) as app:
        said = await app.sends(*parts, gap_s=0.02)
        assert refused(said[said.rindex(b"HTTP/1.1") :]) == (408, "RequestTimeoutError")


async def test_a_body_has_its_seconds() -> None:
    async with serving(body_s=0.2, idle_s=5) as app:
        said = await app.sends(POST % 100, b"x", b"y", gap_s=0.02)
        assert refused(said) == (408, "RequestTimeoutError")
        await until(lambda: app.left == 1)


async def test_a_connection_without_a_request_is_closed_after_its_seconds_without_a_word() -> None:
    async with serving(idle_s=0.1) as app:
        assert await app.sends() == b""
        assert (await app.sends(GET)).endswith(b"/a|")


async def test_a_connection_whose_answer_came_before_the_requests_end_is_closed_as_any_other() -> None:
    async with serving(reads=False, idle_s=0.1) as app:
        assert b" 401 " in await app.sends(POST % 4, b"ab", b"cd", gap_s=0.02)


async def test_a_request_behind_one_that_was_answered_early_is_not_idle() -> None:
    async with serving(answers=False, reads=False, idle_s=0.1) as app:
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
        writer.write(POST % 4)
        await reader.readuntil(b"no\r\n0\r\n\r\n")
        app.reads = True
        writer.write(b"abcd" + GET)
        await until(lambda: app.asked == 2)
        await asyncio.sleep(0.3)
        app.may.set()
        assert b" 200 " in await reader.readline()
        writer.close()


async def test_a_request_that_takes_long_to_answer_is_not_late() -> None:
    async with serving(answers=False, head_s=0.1, body_s=0.1, idle_s=0.1) as app:
        asking = asyncio.create_task(app.sends(POST % 3, b"abc", gap_s=0.01))
        await until(lambda: app.asked)
        await asyncio.sleep(0.3)
        app.may.set()
        assert (await asking).endswith(b"/a|abc")


# --- connections -------------------------------------------------------------------------------------


async def test_whoever_keeps_us_waiting_longest_makes_room() -> None:
    async with serving(connections=4, idle_s=20, head_s=20) as app:
        slow = [await asyncio.open_connection("127.0.0.1", app.port) for _ in range(4)]
        for _, writer in slow:
            writer.write(b"GET /a HT")
        for _ in range(8):
            assert b"200 OK" in await app.sends(GET.replace(b"host", b"connection: close\r\nhost"))
        assert await slow[0][0].read() == b""
        for _, writer in slow:
            writer.close()


async def test_whoever_was_answered_before_its_requests_end_makes_room_too() -> None:
    async with serving(reads=False, connections=2, idle_s=20) as app:
        early = [await asyncio.open_connection("127.0.0.1", app.port) for _ in range(2)]
        for reader, writer in early:
            writer.write(POST % 4)
            await reader.readuntil(b"no\r\n0\r\n\r\n")
            writer.write(b"abcd")
        app.reads = True
        assert b" 200 " in await app.sends(GET.replace(b"host", b"connection: close\r\nhost"))
        for _, writer in early:
            writer.close()


async def test_where_all_are_being_answered_a_new_one_is_refused_politely() -> None:
    async with serving(connections=2, answers=False) as app:
        busy = [asyncio.create_task(app.sends(GET)) for _ in range(2)]
        await until(lambda: app.asked == 2)
        said = await app.sends(GET)
        assert refused(said) == (503, "ServiceUnavailableError")
        assert b"retry-after: 1" in said
        app.may.set()
        assert all(b"200 OK" in said for said in await asyncio.gather(*busy))
        assert b"200 OK" in await app.sends(GET)


# --- closing one side --------------------------------------------------------------------------------


@pytest.mark.parametrize("framed", [True, False])
async def test_a_client_that_closed_its_sending_side_has_its_answer(
    framed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(answers=False, framed=framed) as app:
        asking = asyncio.create_task(app.sends(POST % 3 + b"abc", half_close=True))
        await until(lambda: app.asked)
        await asyncio.sleep(0.2)
        assert app.left == 0
        app.may.set()
        said = await asking
        assert b"HTTP/1.1 200 OK" in said
        assert b"connection: close" in said
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_client_that_closed_both_sides_has_gone() -> None:
    async with serving(answers=False) as app:
        _, writer = await asyncio.open_connection("127.0.0.1", app.port)
        writer.write(GET)
        await until(lambda: app.asked)
        writer.close()
        await until(lambda: app.left == 1)


async def test_a_connection_that_ends_within_a_second_request_has_ended_for_the_first_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(answers=False, body_s=20) as app:
        assert await app.sends(GET + POST % 10 + b"x", half_close=True) == b""
        await until(lambda: app.left == app.asked == 1)
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("part", [b"", b"GET /a", POST % 10 + b"x"])
async def test_a_request_that_can_never_be_complete_ends_its_connection(
    part: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(answers=False, idle_s=20, head_s=20, body_s=20) as app:
        assert await app.sends(part, half_close=True) == b""
        assert caplog.records == []


# --- what is not HTTP, or not ours -------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [b"?\r\n\r\n", b"\x16\x03\x01\x02", b"GET http://[ HTTP/1.1\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
     b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET /ü HTTP/1.1\r\n\r\n".encode()],
)  # fmt: skip
async def test_what_is_no_request_is_told_so_in_openais_shape(raw: bytes) -> None:
    async with serving() as app:
        assert refused(await app.sends(raw)) == (400, "BadRequestError")


async def test_what_came_before_nonsense_is_answered_and_nothing_is_after_it() -> None:
    async with serving(answers=False) as app:
        asking = asyncio.create_task(app.sends(GET + b"?\r\n\r\n" + GET))
        await until(lambda: app.asked)
        app.may.set()
        said = await asking
        assert said.count(b"HTTP/1.1 ") == 1
        assert said.endswith(b"/a|")
        assert app.asked == 1


async def test_requests_that_wait_on_one_connection_are_bounded() -> None:
    async with serving(answers=False) as app:
        asking = asyncio.create_task(app.sends(GET * 1000))
        await until(lambda: app.asked)
        app.may.set()
        assert (await asking).count(b"200 OK") <= 17


async def test_a_request_for_another_protocol_is_answered_in_this_one() -> None:
    async with serving() as app:
        said = await app.sends(
            GET.replace(b"host", b"connection: upgrade\r\nupgrade: h2c\r\nhost"), GET, gap_s=0.02
        )
        assert said.count(b"HTTP/1.1 200 OK") == 1
        assert b"connection: close" in said


async def test_a_client_of_http_1_0_gets_no_chunks() -> None:
    async with serving(framed=False) as app:
        head, _, body = (await app.sends(GET.replace(b"1.1", b"1.0"))).partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head
        assert body == b"/a|"


async def test_a_connection_that_was_made_as_the_server_ends_may_still_ask_once() -> None:
    async with serving() as app:
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
        silent, other = await asyncio.open_connection("127.0.0.1", app.port)
        server = app.server
        assert server is not None
        await until(lambda: len(server.server_state.connections) == 2)
        server.should_exit = True
        await until(lambda: all(connection._last for connection in server.server_state.connections))
        writer.write(GET)
        said = await reader.read()
        assert said.endswith(b"/a|")
        assert b"connection: close" in said
        assert await silent.read() == b""
        writer.close()
        other.close()
