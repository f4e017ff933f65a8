"""One connection to an engine: what it says, parsed, goes to the exchange that the connection carries.

Answers may have a content-length, be chunked, or end with the connection.
"""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, Final, cast

import httptools

from router.proxy.wire.asking import Reason, UpstreamFailed
from router.proxy.wire.exchange import Exchange
from router.proxy.wire.headers import Headers, is_hop_by_hop, named_by

if TYPE_CHECKING:  # it makes connections
    from router.proxy.wire.upstream import Upstream

# Bytes that an answer may run ahead of its reader before the engine's socket is left to fill.
HIGH_WATER: Final = 256 * 1024

MOST_FRAMING: Final = 256 * 1024
"""Bytes without one of a body: a head, chunk sizes, trailers. What an engine says beyond would be read for ever."""


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
        self._barren = 0

    def is_silent(self) -> bool:
        """Whether it is open and nothing lies in its socket, which would be taken for the next request's answer."""
        return not self.transport.is_closing() and not self._unread.poll(0)

    def send(self, exchange: Exchange, upstream: Upstream) -> None:
        """Write the exchange's request."""
        self._exchange = exchange
        self._barren = 0
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
        self._barren += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._excess = True
            self._lose(f"{self._upstream.url} sent what is not HTTP: {error}", "garbled")
        if self._answered:
            self._rest()
        elif self._barren > MOST_FRAMING:
            self._lose(
                f"{self._upstream.url} sent {self._barren} bytes without any of an answer's body", "garbled"
            )
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
        exchange.headers, self._headers = self._headers, []  # trailers are no part of it (RFC 9110, 6.5.1)
        if exchange.request.method == b"HEAD":
            # Its content-length announces a body that never comes, which the parser cannot know.
            exchange.finish()
            self.drop()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._barren = 0
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
