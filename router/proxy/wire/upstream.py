"""A small HTTP/1.1 client for engines: pooled connections, answers passed on as they arrive.

Written for the router because its cost is paid on every request. One `Upstream` is one engine, one
`Exchange` one request to it. Answers may have a content-length, be chunked, or end with the connection.
"""

from __future__ import annotations

import asyncio
import math
import select
import ssl
from collections.abc import Callable
from typing import Final, Literal, NamedTuple, cast
from urllib.parse import urlsplit

import httptools

from router.proxy.wire.headers import Headers, is_hop_by_hop, is_stream, named_by
from router.proxy.wire.lookout import Lookout
from router.proxy.wire.retries import RetryBudget
from telemetry.errors import InfrastructureError

Reason = Literal["refused", "timeout", "died", "garbled", "abandoned", "too_long"]

# Bytes that an answer may run ahead of its reader before the engine's socket is left to fill.
HIGH_WATER: Final = 256 * 1024


class UpstreamFailed(InfrastructureError):
    """An engine refused, timed out or died. `reason` is one word; `received` says whether a byte came."""

    retriable = True

    def __init__(self, message: str, reason: Reason, *, received: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.received = received


class Request(NamedTuple):
    """A request as it goes on the wire; `headers` are whole lines without host and content-length."""

    method: bytes
    target: bytes
    headers: bytes
    body: bytes


class Patience(NamedTuple):
    """Seconds from `start` to the first byte of a stream or the end of any other answer, and to the end of both.

    `stall_s` are the seconds of silence within an answer.
    """

    first_byte_s: float
    stall_s: float
    total_s: float

    def after(self, seconds: float) -> Patience:
        """What is left of it after these seconds."""
        return Patience(self.first_byte_s - seconds, self.stall_s, self.total_s - seconds)


class Upstream:
    """One engine and the idle connections to it. Used from one event loop."""

    def __init__(self, url: str, *, connect_s: float = 2.0) -> None:
        parts = urlsplit(url)
        self.url = url
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self._connect_s = connect_s
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        # An engine's URL is often given with the `/v1` that the client's path already has.
        self.prefix = parts.path.rstrip("/").removesuffix("/v1").encode()
        self.host_line = b"host: " + parts.netloc.rpartition("@")[2].encode() + b"\r\n"
        self.idle: list[Connection] = []
        self._lookout: Lookout | None = None
        self.budget = RetryBudget()

    @property
    def lookout(self) -> Lookout:
        """What looks after the patience of all exchanges with this engine."""
        if self._lookout is None:  # made on the loop that it is used on
            self._lookout = Lookout()
        return self._lookout

    def exchange(self, request: Request, patience: Patience) -> Exchange:
        """One request to this engine, not yet sent."""
        return Exchange(self, request, patience)

    def take(self) -> Connection | None:
        """An idle connection, the one used last first; None where there is none."""
        while self.idle:
            connection = self.idle.pop()
            if connection.is_silent():
                return connection
            connection.transport.abort()
        return None

    async def connect(self) -> Connection:
        """A fresh connection. Raises UpstreamFailed."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(self), self.host, self.port, ssl=self._tls
                )
        except TimeoutError:
            message = f"no connection to {self.url} within {self._connect_s:g} s"
            raise UpstreamFailed(message, "timeout") from None
        except OSError as error:
            raise UpstreamFailed(f"no connection to {self.url}: {error}", "refused") from error
        return connection

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self.idle:
            connection.transport.close()
        self.idle.clear()
        if self._lookout is not None:
            self._lookout.close()


class Exchange:
    """One request and its answer. `start`, then `read` until it gives b"", then `close` in any case.

    `ended` is told of it once, when it is complete or closed.
    """

    __slots__ = (
        "_begun", "_chunks", "_connection", "_deadline", "_limit_s", "_loop", "_patience", "_started_at",
        "_upstream", "_waiter", "complete", "ended", "failure", "headers", "heard_at", "request", "size", "status",
    )  # fmt: skip

    def __init__(self, upstream: Upstream, request: Request, patience: Patience) -> None:
        self._upstream = upstream
        self.request = request
        self._patience = patience
        self._limit_s = min(patience.first_byte_s, patience.total_s)
        self._begun = False
        self.heard_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._chunks: list[bytes] = []
        self.size = 0
        self.status = 0
        self.headers: Headers = []
        self.complete = False
        self.failure: UpstreamFailed | None = None
        self.ended: Callable[[Exchange], None] | None = None

    async def start(self) -> None:
        """Send the request and wait for the answer's first body byte, or its end. Raises UpstreamFailed.

        A pooled connection that the engine closed meanwhile costs one retry, on a fresh connection, within the budget.
        """
        self._upstream.budget.asked()
        self._started_at = self._loop.time()
        self._deadline = self._started_at + self._limit_s
        self._upstream.lookout.add(self, self._deadline)
        pooled = self._upstream.take()
        try:
            await self._attempt(pooled or await self._upstream.connect())
        except UpstreamFailed as failure:
            stale = pooled is not None and not failure.received and failure.reason == "died"
            if not stale or not self._upstream.budget.take():
                self._unanswered(failure)
                raise
            self.failure = None
            try:
                await self._attempt(await self._upstream.connect())
            except UpstreamFailed as again:
                self._unanswered(again)
                raise
        self._begun = True
        if not self.complete and self.failure is None:
            self._upstream.lookout.add(self, self.heard_at + self._patience.stall_s)
        if self._limit_s < self._patience.total_s and is_stream(self.headers):
            self._limit_s = self._patience.total_s
            self._deadline = self._started_at + self._limit_s

    def hurry(self, seconds: float) -> None:
        """Give the answer this long from now to end, however much longer it could have had."""
        if not self.complete and self.failure is None:
            self._deadline, self._limit_s = self._loop.time() + seconds, seconds
            self._upstream.lookout.add(self, self._deadline)

    async def read(self) -> bytes:
        """What came since the last call, waiting for some; b"" at the end. Raises UpstreamFailed."""
        while not self._chunks:
            if self.failure is not None:
                raise self.failure
            if self.complete:
                return b""
            # As `_wait` does, which would cost every piece of a stream a coroutine.
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self.size = 0
        if self._connection is not None:
            self._connection.resume()
        return data

    async def read_all(self, into: list[bytes], most: int) -> None:
        """Read to the end. Raises UpstreamFailed, as `too_long` before it takes more than so many bytes."""
        size = 0
        while data := await self.read():
            size += len(data)
            if size > most:
                raise UpstreamFailed(
                    f"{self._upstream.url} answered with more than {most} bytes", "too_long", received=True
                )
            into.append(data)

    def close(self, reason: Reason = "abandoned", message: str = "given up by the router") -> None:
        """Give up what is not complete: the engine sees its connection close. Harmless when repeated."""
        if not self.complete:
            self.fail(UpstreamFailed(message, reason, received=self.status > 0))
        self._upstream.lookout.drop(self)
        if self.ended is not None:
            self._tell(self.ended)

    def fail(self, failure: UpstreamFailed) -> None:
        """End with an error; what was received before it can still be read."""
        if self.complete or self.failure is not None:
            return
        self.failure = failure
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drop()
        self.wake()

    def finish(self) -> None:
        """The answer is complete."""
        self.complete = True
        self._connection = None
        self._upstream.lookout.drop(self)
        if self.ended is not None:
            self._tell(self.ended)

    def add(self, chunk: bytes) -> None:
        """Body bytes have arrived."""
        self._chunks.append(chunk)
        self.size += len(chunk)

    def wake(self) -> None:
        """Let whoever waits look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _unanswered(self, failure: UpstreamFailed) -> None:
        """It ends before it began, perhaps without a connection that would have told it so."""
        self.fail(failure)
        self.close()

    def _tell(self, ended: Callable[[Exchange], None]) -> None:
        self.ended = None
        ended(self)

    async def _attempt(self, connection: Connection) -> None:
        if self.failure is not None:  # given up while connecting
            connection.transport.close()
            raise self.failure
        if connection.transport.is_closing():  # lost between its opening and now; uvloop refuses the write
            raise UpstreamFailed(f"{self._upstream.url} closed a connection before its first request", "died")
        self._connection = connection
        connection.send(self, self._upstream)
        while not self._chunks and not self.complete:
            if self.failure is not None:
                raise self.failure
            await self._wait()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def look(self, now: float) -> float:
        """Give up where the engine is late by now; else when it would be."""
        url, stall_s = self._upstream.url, self._patience.stall_s
        if self._connection is not None and self._connection.is_held():
            self.heard_at = now  # it is we who do not read
        due = min(self.heard_at + stall_s, self._deadline) if self._begun else self._deadline
        if now < due:
            return due
        if due == self._deadline:
            self.close("timeout", f"{url} did not answer within {self._limit_s:g} s")
        else:
            self.close("timeout", f"{url} said nothing for {stall_s:g} s in the middle of its answer")
        return math.inf


class Connection(asyncio.Protocol):
    """One connection; it carries one exchange at a time and goes back to the pool by itself."""

    transport: asyncio.Transport

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._loop = asyncio.get_running_loop()
        self._exchange: Exchange | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: Headers = []
        self._named: frozenset[bytes] = frozenset()
        self._framed = False
        self._paused = False
        self._answered = False
        self._keep = False
        self._excess = False

    def is_silent(self) -> bool:
        """Whether it is open and nothing lies in its socket, which would be taken for the next request's answer."""
        return not self.transport.is_closing() and not self._unread.poll(0)

    def send(self, exchange: Exchange, upstream: Upstream) -> None:
        """Write the exchange's request."""
        self._exchange = exchange
        method, target, headers, body = exchange.request
        length = b"content-length: %d\r\n" % len(body) if body or method == b"POST" else b""
        self.transport.write(
            b"%b %b%b HTTP/1.1\r\n%b%b%b\r\n%b"
            % (method, upstream.prefix, target, upstream.host_line, headers, length, body)
        )

    def resume(self) -> None:
        """Take more from the engine."""
        if self._paused:
            self._paused = False
            if self._exchange is not None:
                self._exchange.heard_at = self._loop.time()
            self.transport.resume_reading()

    def is_held(self) -> bool:
        """Whether the engine is kept from saying more."""
        return self._paused

    def drop(self) -> None:
        """Close at once; the exchange has gone."""
        self._exchange = None
        self.transport.abort()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        # uvloop's transports are no subclass of asyncio's, though they have all of its methods.
        self.transport = cast("asyncio.Transport", transport)
        self._unread = select.poll()
        self._unread.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Parse, then wake the reader once for all that these bytes held."""
        exchange = self._exchange
        if exchange is None:  # nobody has asked for it: it may be the answer to a request that was given up
            self.transport.abort()
            return
        exchange.heard_at = self._loop.time()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._excess = True
            self._lose(f"{self._upstream.url} sent what is not HTTP: {error}", "garbled")
        if self._answered:
            self._rest()
        if exchange.size > HIGH_WATER and self._exchange is exchange and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        exchange.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end: of an answer that had no other end, or of one that was not complete."""
        exchange = self._exchange
        if exchange is None:
            if self in self._upstream.idle:
                self._upstream.idle.remove(self)
        elif exc is None and exchange.status and not self._framed:
            self._exchange = None
            exchange.finish()
            exchange.wake()
        else:
            self._lose(f"{self._upstream.url} closed the connection before the answer was complete", "died")

    # What the parser finds.

    def on_message_begin(self) -> None:
        """An answer begins."""
        self._excess = self._answered  # behind a complete answer comes another, which nobody has asked for
        self._headers = []
        self._named = frozenset()
        self._framed = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        if name in (b"content-length", b"transfer-encoding"):
            self._framed = True
        if not is_hop_by_hop(name):
            self._headers.append((name, value))
        elif name == b"connection":
            self._named |= named_by(value)

    def on_headers_complete(self) -> None:
        """The head is complete."""
        exchange, status = self._exchange, self._parser.get_status_code()
        if exchange is None or status < 200:  # an interim answer; the real one follows
            return
        exchange.status = status
        if self._named:
            self._headers = [pair for pair in self._headers if pair[0] not in self._named]
        exchange.headers = self._headers
        if exchange.request.method == b"HEAD":
            # Its content-length announces a body that never comes, which the parser cannot know.
            exchange.finish()
            self.drop()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._exchange is not None:
            self._exchange.add(body)

    def on_message_complete(self) -> None:
        """The answer is complete; whether the connection is free for the next request, `_rest` says."""
        exchange = self._exchange
        if exchange is None or not exchange.status:
            return
        self._exchange = None
        self._answered = True
        self._keep = self._parser.should_keep_alive()
        exchange.finish()

    def _rest(self) -> None:
        """Go back to the pool, unless another's bytes could come before the next answer, or go before its request."""
        self._answered = False
        # An engine that answered before it had read the whole request leaves bytes of it in the way.
        if self._keep and not self._excess and not self.transport.get_write_buffer_size():
            self.resume()
            self._upstream.idle.append(self)
        else:
            self.transport.abort()

    def _lose(self, message: str, reason: Reason) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.fail(UpstreamFailed(message, reason, received=exchange.status > 0))
        self.transport.abort()
