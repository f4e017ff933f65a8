"""A TLS handshake that is never completed costs no more than any other connection that asks for nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from serving.limits import Limits
from serving.server import Unsignalled, config_of, listen
from serving.tls import TlsFiles, context_of
from tests.router.proxy.fakes import until
from tests.serving.certificates import Authority

GET = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


@dataclass
class Secure:
    """A server of TLS whose application answers once it `may`."""

    trusting: ssl.SSLContext
    server: Unsignalled
    may: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    ending: asyncio.Task[None] | None = None

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        await self.may.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"hello"})

    @property
    def connections(self) -> int:
        return len(self.server.server_state.connections)

    async def opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trusting)

    async def asked(self) -> bytes:
        reader, writer = await self.opened()
        writer.write(GET)
        return await rest(reader, writer)

    async def silent(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that begins no handshake."""
        return await asyncio.open_connection("127.0.0.1", self.port)


async def rest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """All that is said until the connection ends."""
    said = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        async with asyncio.timeout(10):
            while part := await reader.read(65536):
                said += part
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return said


@contextlib.asynccontextmanager
async def secure(folder: Path, *, answers: bool = True, **limits: Any) -> AsyncIterator[Secure]:
    authority = Authority(folder)
    context = context_of(TlsFiles(*authority.sign("one")))
    listener = listen("127.0.0.1", 0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await found(scope, receive, send)

    server = Unsignalled(config_of(app, Limits(**limits), lifespan=False, tls=context))
    found = Secure(ssl.create_default_context(cafile=authority.ca), server, port=listener.getsockname()[1])
    if answers:
        found.may.set()
    found.ending = task = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    try:
        yield found
    finally:
        server.should_exit = True
        await task


def hello(trusting: ssl.SSLContext) -> bytes:
    """The first words of a client."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return to_server.read()


@pytest.mark.parametrize("says", ["nothing", "half a hello", "a hello"])
async def test_unfinished_handshakes_count_as_connections_and_make_room(tmp_path: Path, says: str) -> None:
    async with secure(tmp_path, connections=5, head_s=60) as server:
        first = hello(server.trusting)
        words = {"nothing": b"", "half a hello": first[: len(first) // 2], "a hello": first}[says]
        waiting = []
        for _ in range(40):
            reader, writer = await server.silent()
            writer.write(words)
            waiting.append((reader, writer))
        await until(lambda: server.connections == 5)
        for _ in range(3):
            assert (await server.asked()).endswith(b"hello")
        assert server.connections <= 5
        for reader, writer in waiting[:30]:  # who waited longest has made room
            await rest(reader, writer)
        for _, writer in waiting[30:]:
            writer.close()


@pytest.mark.parametrize("says", ["nothing", "half a hello", "a hello"])
async def test_a_handshake_has_as_long_as_a_head(tmp_path: Path, says: str) -> None:
    async with secure(tmp_path, head_s=0.2) as server:
        first = hello(server.trusting)
        reader, writer = await server.silent()
        writer.write({"nothing": b"", "half a hello": first[:50], "a hello": first}[says])
        await rest(reader, writer)
        await until(lambda: server.connections == 0)
        assert (await server.asked()).endswith(b"hello")


async def test_where_all_are_being_answered_one_more_is_told_so_in_tls(tmp_path: Path) -> None:
    async with secure(tmp_path, connections=2, answers=False) as server:
        answered = [asyncio.create_task(server.asked()) for _ in range(2)]
        await until(lambda: len(server.server.server_state.tasks) == 2)
        for _ in range(2):
            reader, writer = await server.opened()
            assert b" 503 " in await reader.readline()
            writer.close()
        server.may.set()
        assert all(said.endswith(b"hello") for said in await asyncio.gather(*answered))


async def test_a_request_behind_the_handshakes_last_bytes_is_answered(tmp_path: Path) -> None:
    async with secure(tmp_path) as server:
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = server.trusting.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
        reader, writer = await server.silent()
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(to_server.read())
                to_client.write(await reader.read(65536))
        client.write(GET)
        writer.write(to_server.read())  # the client's last words of the handshake, and its request
        said = b""
        async with asyncio.timeout(10):
            while not said.endswith(b"hello"):
                to_client.write(await reader.read(65536))
                with contextlib.suppress(ssl.SSLWantReadError):
                    said += client.read(65536)
        writer.close()


@pytest.mark.parametrize("words", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 5000, b"\0"])
async def test_what_is_no_tls_ends_its_own_connection_alone(
    tmp_path: Path, words: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "asyncio"):
        async with secure(tmp_path, head_s=0.5) as server:
            other = await server.opened()
            reader, writer = await server.silent()
            writer.write(words)
            await rest(reader, writer)
            other[1].write(GET)
            assert (await rest(*other)).endswith(b"hello")
            await until(lambda: server.connections == 0)
    assert caplog.text == ""


async def test_a_server_that_ends_waits_for_no_handshake_that_is_not_completed(tmp_path: Path) -> None:
    async with secure(tmp_path, head_s=60) as server:
        waiting = [await server.silent() for _ in range(3)]
        await until(lambda: server.connections == 3)
        server.server.should_exit = True
        for reader, writer in waiting:
            await rest(reader, writer)
        await until(lambda: server.connections == 0)


async def test_a_handshake_under_way_when_the_server_ends_may_still_be_completed(tmp_path: Path) -> None:
    async with secure(tmp_path) as server:
        reader, writer = await server.silent()
        await until(lambda: server.connections == 1)
        (arriving,) = server.server.server_state.connections
        arriving.shutdown()
        await writer.start_tls(server.trusting, server_hostname="127.0.0.1")
        writer.write(GET)
        assert (await rest(reader, writer)).endswith(b"hello")
