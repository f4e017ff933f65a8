"""The client's side of one request: its body, its leaving, and what it is sent."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from router.proxy.wire.exchange import Exchange
from router.proxy.wire.headers import Headers, with_own
from router.proxy.wire.lookout import Lookout

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Watching for a client that leaves costs a task, more than the rest of a short request: it begins only
# once the answer takes longer than this. Nobody's cancelled generation runs on for much longer than that.
WATCH_AFTER_S: Final = 0.05

_lookouts: Final = WeakKeyDictionary[asyncio.AbstractEventLoop, Lookout]()
"""What looks, on each event loop, for clients whose answers take longer."""


class ClientLeft(Exception):
    """The client closed its connection before its request was complete."""


class TooLarge(Exception):
    """The request's body exceeds the limit."""


class TooDeep(Exception):
    """The request's JSON is nested deeper than can be parsed."""


class Watching(Protocol):
    """Sees what passes: how long the request was, and every piece of the answer."""

    asked_bytes: int

    def saw(self, piece: bytes) -> None:
        """A piece of the answer."""


class Client:
    """One request's client. `left` is True once it is known to have gone.

    `extra` are headers that its answer gets, in place of those of their names; `meter` sees request and answer.
    """

    __slots__ = (
        "_due", "_exchange", "_lookout", "_receive", "_send", "_watch", "extra", "left", "meter", "started",
    )  # fmt: skip

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._exchange: Exchange | None = None
        self._lookout: Lookout | None = None
        self._due = 0.0
        self._watch: asyncio.Task[None] | None = None
        self.left = False
        self.started = False
        self.extra: Headers | None = None
        self.meter: Watching | None = None

    async def body(self, limit: int) -> bytes:
        """The whole request body. Raises ClientLeft and TooLarge."""
        body = await self._body(limit)
        if self.meter is not None:
            self.meter.asked_bytes = len(body)
        return body

    async def _body(self, limit: int) -> bytes:
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            chunk: bytes = message.get("body", b"")
            if len(chunk) > limit:
                raise TooLarge
            return chunk
        chunks, size = [], 0
        while message["type"] == "http.request":
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > limit:
                raise TooLarge
            if not message.get("more_body"):
                return b"".join(chunks)
            message = await self._receive()
        raise ClientLeft

    def follow(self, exchange: Exchange) -> None:
        """Have this exchange closed when the client leaves."""
        self._exchange = exchange
        if self.left:
            exchange.close()
        elif self._lookout is None:
            loop = asyncio.get_running_loop()
            self._lookout = _lookouts.get(loop) or _lookouts.setdefault(loop, Lookout())
            self._due = loop.time() + WATCH_AFTER_S
            self._lookout.add(self, self._due)

    def unfollow(self) -> None:
        """The answer is complete: nobody's leaving matters any more."""
        self._exchange = None
        if self._lookout is not None:
            self._lookout.drop(self)
        if self._watch is not None:
            self._watch.cancel()

    def add_header(self, name: bytes, value: bytes) -> None:
        """Have the answer say this, whoever gives it."""
        self.extra = [*(self.extra or ()), (name, value)]

    def start(self, status: int, headers: Headers) -> Awaitable[None]:
        """Send the answer's head."""
        self.started = True
        if self.extra is not None:
            headers = with_own(headers, self.extra)
        return self._send({"type": "http.response.start", "status": status, "headers": headers})

    def send(self, body: bytes, *, last: bool) -> Awaitable[None]:
        """Send a piece of the body; returns when there is room for more."""
        if self.meter is not None:
            self.meter.saw(body)
        return self._send({"type": "http.response.body", "body": body, "more_body": not last})

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer of the router's own."""
        await self.start(status, [*headers, (b"content-length", b"%d" % len(body))])
        await self.send(body, last=True)

    def look(self, now: float) -> float:
        """Begin to watch where the answer takes so long."""
        if now < self._due:
            return self._due
        if self._lookout is not None:
            self._lookout.drop(self)
        self._watch = asyncio.ensure_future(self._until_gone())
        return math.inf

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._exchange is not None:
            self.left = True
            self._exchange.close()
