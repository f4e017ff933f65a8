"""The HTTP client: every way in which an answer may begin, be framed, end or fail."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from router.proxy.wire.asking import Patience, Request, UpstreamFailed
from router.proxy.wire.connection import HIGH_WATER, Connection
from router.proxy.wire.exchange import Exchange
from router.proxy.wire.upstream import Upstream
from tests.router.proxy.fakes import (
    Asked,
    Behaviour,
    FakeEngine,
    answers,
    chunk,
    never,
    reply,
    streams_for_ever,
    until,
)

POST = Request(b"POST", b"/v1/completions", b"x-a: b\r\n", b'{"prompt":"p"}')
GET = Request(b"GET", b"/v1/models", b"", b"")


@pytest.fixture
def pools() -> Iterator[list[Upstream]]:
    made: list[Upstream] = []
    yield made
    for upstream in made:
        upstream.close()


async def whole(exchange: Exchange) -> bytes:
    parts = []
    try:
        await exchange.start()
        while data := await exchange.read():
            parts.append(data)
    finally:
        exchange.close()
    return b"".join(parts)


def ask(
    upstream: Upstream,
    request: Request = POST,
    first_byte_s: float = 5,
    total_s: float = 5,
    stall_s: float | None = None,
) -> Exchange:
    return upstream.exchange(request, Patience(first_byte_s, stall_s or total_s, total_s))


@pytest.mark.parametrize(
    "raw",
    [
        reply(200, b"hello world", "x-b: c"),
        b"HTTP/1.1 200 OK\r\nX-B: c\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(map(chunk, (b"hello ", b"world", b""))),
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + reply(200, b"hello world", "x-b: c"),
    ],
    ids=["content-length", "chunked", "after an interim answer"],
)  # fmt: skip
async def test_an_answer_is_read_however_it_is_framed(raw: bytes, pools: list[Upstream]) -> None:
    async with FakeEngine(answers(raw)) as engine:
        pools.append(upstream := Upstream(engine.url))
        for _ in range(3):
            exchange = ask(upstream)
            assert await whole(exchange) == b"hello world"
            assert exchange.status == 200
            assert (b"x-b", b"c") in exchange.headers
        assert engine.connections == 1


async def test_an_answer_may_end_with_its_connection(pools: list[Upstream]) -> None:
    async with FakeEngine(answers(b"HTTP/1.1 200 OK\r\n\r\nhello", then_die=True)) as engine:
        pools.append(upstream := Upstream(engine.url))
        assert await whole(ask(upstream)) == b"hello"
        assert await whole(ask(upstream)) == b"hello"
        assert engine.connections == 2


async def test_an_answer_to_head_has_no_body_whatever_its_length_says(pools: list[Upstream]) -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"
    async with FakeEngine(answers(raw)) as engine:
        pools.append(upstream := Upstream(engine.url))
        assert await whole(ask(upstream, Request(b"HEAD", b"/v1/models", b"", b""))) == b""


async def test_an_answer_without_a_body_is_complete(pools: list[Upstream]) -> None:
    async with FakeEngine(answers(b"HTTP/1.1 204 No Content\r\n\r\n")) as engine:
        pools.append(upstream := Upstream(engine.url))
        exchange = ask(upstream, GET)
        assert await whole(exchange) == b""
        assert exchange.status == 204


async def test_the_request_arrives_as_it_was_given(pools: list[Upstream]) -> None:
    async with FakeEngine(answers(reply(200, b"x"))) as engine:
        pools.append(upstream := Upstream(engine.url + "/prefix/v1"))
        await whole(ask(upstream))
        (asked,) = engine.asked
        assert (asked.method, asked.target, asked.body) == ("POST", "/prefix/v1/completions", POST.body)
        assert asked.headers == {"host": f"127.0.0.1:{engine.port}", "x-a": "b", "content-length": "14"}


async def test_bytes_are_passed_on_as_they_arrive(pools: list[Upstream]) -> None:
    more = asyncio.Event()

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(b"one"))
        await more.wait()
        writer.write(chunk(b"two") + chunk(b""))

    async with FakeEngine(behave) as engine:
        pools.append(upstream := Upstream(engine.url))
        exchange = ask(upstream)
        await exchange.start()
        assert await exchange.read() == b"one"
        more.set()
        assert await exchange.read() == b"two"
        assert await exchange.read() == b""


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (answers(b"", then_die=True), "died"),
        (answers(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", then_die=True), "died"),
        (answers(b"what?\r\n\r\n"), "garbled"),
        (never, "timeout"),
    ],
    ids=["no byte", "only a head", "not HTTP", "silence"],
)
async def test_an_engine_that_gives_no_first_byte_fails_the_start(
    behave: Behaviour, reason: str, pools: list[Upstream]
) -> None:
    async with FakeEngine(behave) as engine:
        pools.append(upstream := Upstream(engine.url))
        exchange = ask(upstream, first_byte_s=0.1 if behave is never else 5)
        with pytest.raises(UpstreamFailed) as caught:
            await exchange.start()
        assert caught.value.reason == reason
        assert upstream.idle == []


async def test_nobody_listening_is_a_refusal(pools: list[Upstream]) -> None:
    async with FakeEngine(never) as engine:
        url = engine.url
    pools.append(upstream := Upstream(url))
    with pytest.raises(UpstreamFailed, match="no connection to") as caught:
        await ask(upstream).start()
    assert caught.value.reason == "refused"


async def test_what_came_before_the_engine_died_can_be_read(pools: list[Upstream]) -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"
    async with FakeEngine(answers(raw, then_die=True)) as engine:
        pools.append(upstream := Upstream(engine.url))
        exchange = ask(upstream)
        await exchange.start()
        assert await exchange.read() == b"half"
        with pytest.raises(UpstreamFailed, match="before the answer was complete"):
            await exchange.read()


async def test_the_whole_answer_has_a_time_limit_too(pools: list[Upstream]) -> None:
    async with FakeEngine(streams_for_ever) as engine:
        pools.append(upstream := Upstream(engine.url))
        with pytest.raises(UpstreamFailed) as caught:
            await whole(ask(upstream, first_byte_s=1.0, total_s=1.2))
        assert caught.value.reason == "timeout"
        await until(lambda: engine.gone == 1)


async def test_silence_within_an_answer_has_a_limit_and_each_byte_begins_it_anew(
    pools: list[Upstream],
) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n")
        for _ in range(6):
            writer.write(b"x")
            await asyncio.sleep(0.1)
        await never(asked, writer)

    async with FakeEngine(behave) as engine:
        pools.append(upstream := Upstream(engine.url))
        exchange = ask(upstream, stall_s=0.3)
        await exchange.start()
        for _ in range(6):
            assert await exchange.read() == b"x"
        with pytest.raises(UpstreamFailed, match=r"said nothing for 0\.3 s") as caught:
            await exchange.read()
        assert caught.value.reason == "timeout"


async def test_an_engine_that_we_do_not_read_from_is_not_silent(pools: list[Upstream]) -> None:
    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, b"x" * (8 << 20)))

    async with FakeEngine(behave) as engine:
        pools.append(upstream := Upstream(engine.url))
        exchange = ask(upstream, stall_s=0.1)
        await exchange.start()
        await asyncio.sleep(0.4)
        total = 0
        while data := await exchange.read():
            total += len(data)
        assert total == 8 << 20


async def test_an_answer_that_is_no_stream_has_a_limit_of_its_own(pools: list[Upstream]) -> None:
    async def drips(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n")
        for _ in range(20):
            writer.write(b"x")
            await asyncio.sleep(0.05)
        await never(asked, writer)

    async with FakeEngine(drips) as engine:
        pools.append(upstream := Upstream(engine.url))
        with pytest.raises(UpstreamFailed, match=r"did not answer within 0\.3 s"):
            await whole(ask(upstream, first_byte_s=0.3))


async def test_headers_that_connection_names_stay_behind(pools: list[Upstream]) -> None:
    raw = reply(200, b"x", "connection: keep-alive, X-Mine", "x-mine: 1", "x-yours: 2")
    async with FakeEngine(answers(raw)) as engine:
        pools.append(upstream := Upstream(engine.url))
        exchange = ask(upstream)
        assert await whole(exchange) == b"x"
        assert dict(exchange.headers) == {b"content-length": b"1", b"x-yours": b"2"}


async def test_a_stale_connection_costs_one_retry_and_nobody_notices(pools: list[Upstream]) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if len(engine.asked) == 2:  # the second request on the kept connection
            writer.transport.abort()
            raise ConnectionResetError
        await answers(reply(200, b"ok"))(asked, writer)

    async with FakeEngine(behave) as engine:
        pools.append(upstream := Upstream(engine.url))
        assert await whole(ask(upstream)) == b"ok"
        assert await whole(ask(upstream)) == b"ok"
        assert engine.connections == 2


async def test_a_fresh_connection_that_dies_is_not_retried(pools: list[Upstream]) -> None:
    async with FakeEngine(answers(b"", then_die=True)) as engine:
        pools.append(upstream := Upstream(engine.url))
        with pytest.raises(UpstreamFailed):
            await whole(ask(upstream))
        assert len(engine.asked) == 1


async def test_a_connection_lost_as_soon_as_it_is_open_is_an_engine_that_died(
    pools: list[Upstream], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeEngine(never) as engine:
        pools.append(upstream := Upstream(engine.url))
        connection = await upstream.connect()
        connection.transport.abort()
        await asyncio.sleep(0.05)

        async def lost() -> Connection:
            return connection

        monkeypatch.setattr(upstream, "connect", lost)
        with pytest.raises(UpstreamFailed) as caught:
            await ask(upstream).start()
        assert caught.value.reason == "died"


async def test_a_connection_that_the_engine_closed_leaves_the_pool(pools: list[Upstream]) -> None:
    async with FakeEngine(answers(reply(200, b"ok"))) as engine:
        pools.append(upstream := Upstream(engine.url))
        await whole(ask(upstream))
        assert len(upstream.idle) == 1
        await engine.close_idle()
        await until(lambda: not upstream.idle)


async def test_an_engine_that_says_close_is_not_pooled(pools: list[Upstream]) -> None:
    async with FakeEngine(answers(reply(200, b"ok", "connection: close"))) as engine:
        pools.append(upstream := Upstream(engine.url))
        exchange = ask(upstream)
        assert await whole(exchange) == b"ok"
        assert upstream.idle == []
        assert b"connection" not in dict(exchange.headers)


async def test_giving_up_closes_the_connection_and_wakes_the_reader(pools: list[Upstream]) -> None:
    async with FakeEngine(never) as engine:
        pools.append(upstream := Upstream(engine.url))
        exchange = ask(upstream)
        starting = asyncio.create_task(exchange.start())
        await until(lambda: engine.asked)
        exchange.close()
        with pytest.raises(UpstreamFailed) as caught:
            await starting
        assert caught.value.reason == "abandoned"
        await until(lambda: engine.gone == 1)


async def test_closing_a_complete_exchange_leaves_its_connection_to_the_next(pools: list[Upstream]) -> None:
    async with FakeEngine(answers(reply(200, b"ok"))) as engine:
        pools.append(upstream := Upstream(engine.url))
        first = ask(upstream)
        await whole(first)
        second = ask(upstream)
        await second.start()
        first.close()
        assert await second.read() == b"ok"


async def test_a_slow_reader_slows_the_engine(pools: list[Upstream]) -> None:
    """What lies in our memory stays near the high-water mark, however much the engine has to say."""
    piece, pieces = b"x" * 65536, 400

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(pieces):
            writer.write(chunk(piece))
            await writer.drain()
        writer.write(chunk(b""))

    async with FakeEngine(behave) as engine:
        pools.append(upstream := Upstream(engine.url))
        exchange = ask(upstream)
        await exchange.start()
        await asyncio.sleep(0.2)
        assert HIGH_WATER < exchange.size < 2 * HIGH_WATER
        total = 0
        while data := await exchange.read():
            total += len(data)
        assert total == len(piece) * pieces
        assert len(upstream.idle) == 1


# --- nobody else's words -----------------------------------------------------------------------------


LATE = reply(200, b"another client's words")


@pytest.mark.parametrize(
    "excess",
    [LATE, b"HTT", b"?", b"x" * 40],
    ids=["a whole answer", "the beginning of one", "a byte", "a longer body than announced"],
)
async def test_bytes_behind_a_complete_answer_end_the_connection(
    excess: bytes, pools: list[Upstream]
) -> None:
    async with FakeEngine(answers(reply(200, b"ok") + excess)) as engine:
        pools.append(upstream := Upstream(engine.url))
        for _ in range(3):
            assert await whole(ask(upstream)) == b"ok"
            assert upstream.idle == []
        assert engine.connections == 3


async def test_bytes_on_an_idle_connection_end_it(pools: list[Upstream]) -> None:
    late = asyncio.Event()

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, asked.body))
        if engine.connections == 1:
            await late.wait()
            writer.write(LATE)

    async with FakeEngine(behave) as engine:
        pools.append(upstream := Upstream(engine.url))
        assert await whole(ask(upstream)) == POST.body
        assert len(upstream.idle) == 1
        late.set()
        await until(lambda: not upstream.idle)
        assert await whole(ask(upstream)) == POST.body


async def test_bytes_that_lie_unread_before_a_request_are_not_its_answer(pools: list[Upstream]) -> None:
    """They have come, and the loop has not had its turn to read them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        pools.append(upstream := Upstream(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        first = asyncio.create_task(whole(ask(upstream)))
        with (await loop.sock_accept(listener))[0] as kept:
            await loop.sock_recv(kept, 65536)
            await loop.sock_sendall(kept, reply(200, b"ok"))
            assert await first == b"ok"
            kept.send(LATE)  # and no turn for the loop before the next request takes the connection
            second = asyncio.create_task(whole(ask(upstream)))
            async with asyncio.timeout(5):
                fresh = (await loop.sock_accept(listener))[0]
            with fresh:
                await loop.sock_recv(fresh, 65536)
                await loop.sock_sendall(fresh, reply(200, b"mine"))
                assert await second == b"mine"


async def test_an_answer_that_changes_the_protocol_is_garbled(pools: list[Upstream]) -> None:
    raw = b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nwords"
    async with FakeEngine(answers(raw)) as engine:
        pools.append(upstream := Upstream(engine.url))
        with pytest.raises(UpstreamFailed) as caught:
            await whole(ask(upstream))
        assert caught.value.reason == "garbled"


async def test_many_exchanges_share_the_loop_and_keep_apart(pools: list[Upstream]) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.01)
        writer.write(reply(200, asked.body * 3))

    async with FakeEngine(behave) as engine:
        pools.append(upstream := Upstream(engine.url))
        bodies = [b"%d." % number for number in range(200)]
        got = await asyncio.gather(*(whole(ask(upstream, POST._replace(body=body))) for body in bodies))
        assert got == [body * 3 for body in bodies]
