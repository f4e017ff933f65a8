"""One request to an engine and its answer, from the engine's first byte to its last."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from router.proxy.wire.asking import Patience, Reason, Request, UpstreamFailed
from router.proxy.wire.headers import Headers, is_stream

if TYPE_CHECKING:  # both make and carry exchanges
    from router.proxy.wire.connection import Connection
    from router.proxy.wire.upstream import Upstream


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
