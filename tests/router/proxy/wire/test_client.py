"""The client's side: its body, its leaving, what it is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import cast

import pytest

from router.proxy.wire import client as client_module
from router.proxy.wire.client import Client, ClientLeft, Message, TooLarge
from router.proxy.wire.exchange import Exchange
from tests.router.proxy.fakes import CHAT, rolling, says, until

LEAVES: Message = {"type": "http.disconnect"}


def pieces(*parts: bytes) -> list[Message]:
    """A request's body as a server tells it."""
    last = len(parts) - 1
    return [{"type": "http.request", "body": part, "more_body": at < last} for at, part in enumerate(parts)]


class Server:
    """A server that tells these messages in turn, then nothing until `leave`, and keeps what it is to send."""

    def __init__(self, messages: Sequence[Message] = ()) -> None:
        self.told = list(messages)
        self.asked = 0
        self.sent: list[Message] = []
        self._gone = asyncio.Event()

    async def receive(self) -> Message:
        self.asked += 1
        if self.told:
            return self.told.pop(0)
        await self._gone.wait()
        return LEAVES

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def leave(self) -> None:
        self._gone.set()

    def client(self) -> Client:
        return Client(self.receive, self.send)


class Closable:
    """As much of an exchange as a client knows of it."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


def follow(client: Client) -> Closable:
    exchange = Closable()
    client.follow(cast("Exchange", exchange))
    return exchange


# --- its body ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [(b"",), (b"whole",), (b"in ", b"three", b" parts"), (b"", b"late", b"")])
async def test_a_body_is_one_however_many_messages_it_comes_in(parts: tuple[bytes, ...]) -> None:
    assert await Server(pieces(*parts)).client().body(100) == b"".join(parts)


@pytest.mark.parametrize("parts", [(b"12345",), (b"123", b"45"), (b"12345", b"")])
async def test_a_body_may_be_as_large_as_the_limit_and_no_larger(parts: tuple[bytes, ...]) -> None:
    assert await Server(pieces(*parts)).client().body(5) == b"12345"
    with pytest.raises(TooLarge):
        await Server(pieces(*parts)).client().body(4)


async def test_nothing_is_read_of_a_body_beyond_the_limit() -> None:
    server = Server(pieces(b"123", b"456", b"never read"))
    with pytest.raises(TooLarge):
        await server.client().body(5)
    assert server.asked == 2


@pytest.mark.parametrize("before", [(), (b"half",)])
async def test_a_client_that_leaves_before_its_body_is_complete_has_no_request(
    before: tuple[bytes, ...],
) -> None:
    server = Server([*pieces(*before, b"")[:-1], LEAVES])
    with pytest.raises(ClientLeft):
        await server.client().body(100)


async def test_a_request_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    async def in_parts() -> AsyncIterator[bytes]:
        yield b"x" * 60
        yield b"x" * 60

    async with rolling(tmp_path, says("x"), limits={"body_bytes": 100}) as (router, _, engine, http):
        for content in (b"x" * 101, in_parts()):
            answer = await http.post(CHAT, content=content)
            assert (answer.status_code, answer.headers["connection"]) == (413, "close")
            assert json.loads(answer.content)["error"]["type"] == "RequestTooLargeError"
        assert router.records() == []
        assert engine.asked == []


async def test_a_client_that_leaves_while_it_sends_is_neither_asked_for_nor_recorded(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x")) as (router, _, engine, http):
        _, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port)
        writer.write(b"POST %b HTTP/1.1\r\nhost: r\r\ncontent-length: 100\r\n\r\nhalf" % CHAT.encode())
        await until(lambda: router.gateway.load.in_flight == 1)
        writer.close()
        await until(lambda: router.gateway.load.in_flight == 0)
        assert engine.asked == []
        assert router.records() == []
        assert router.counters.requests.total() == 0


# --- its leaving -------------------------------------------------------------------------------------


@pytest.fixture
def watched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "WATCH_AFTER_S", 0.0)


@pytest.mark.usefixtures("watched_at_once")
async def test_a_client_that_leaves_has_the_exchange_closed_that_was_followed_last() -> None:
    server = Server()
    client = server.client()
    first, second = follow(client), follow(client)
    await until(lambda: server.asked == 1)
    server.leave()
    await until(lambda: second.closed)
    assert client.left
    assert not first.closed


@pytest.mark.usefixtures("watched_at_once")
async def test_an_exchange_that_begins_after_the_client_left_is_closed_at_once() -> None:
    server = Server()
    client = server.client()
    first = follow(client)
    server.leave()
    await until(lambda: first.closed)
    assert follow(client).closed


@pytest.mark.usefixtures("watched_at_once")
async def test_a_client_that_goes_after_its_answer_has_not_left() -> None:
    server = Server()
    client = server.client()
    exchange = follow(client)
    await until(lambda: server.asked == 1)
    client.unfollow()
    server.leave()
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
    assert (client.left, exchange.closed) == (False, False)


async def test_nobody_is_watched_during_an_answer_that_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "WATCH_AFTER_S", 0.01)
    short, long = Server(), Server()
    client = short.client()
    follow(client)
    client.unfollow()
    other = long.client()
    follow(other)  # begins later, so the short one's time has come when this one's has
    await until(lambda: long.asked == 1)
    other.unfollow()
    assert short.asked == 0


# --- what it is sent ---------------------------------------------------------------------------------


async def test_an_answer_of_the_routers_own_says_how_long_it_is_and_that_it_is_all() -> None:
    server = Server()
    client = server.client()
    await client.answer(503, [(b"retry-after", b"3")], "später".encode())
    head, body = server.sent
    assert client.started
    assert (head["status"], dict(head["headers"])) == (503, {b"retry-after": b"3", b"content-length": b"7"})
    assert (body["body"], body["more_body"]) == ("später".encode(), False)
