"""HTTP as our servers take it from anybody: uvicorn's own protocol, within limits.

uvicorn bounds neither a request's head nor the time it takes, answers in plain text where it refuses, and takes a
client that has closed its sending side for gone. What is said here is paid on every request: a few integers and two
dictionary operations; timers run only where a request did not come in one piece.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from functools import lru_cache, partial
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from serving.crowd import Crowd, Places
from serving.cycle import Cycle, unchunked
from serving.handshake import Arriving
from serving.refusals import (
    CROWDED,
    MALFORMED,
    MOSTLY_FRAMING,
    TOO_MANY_AT_ONCE,
    Refusal,
    Refused,
    body_too_large,
    head_too_large,
    too_slow,
    trailers_too_large,
)
from serving.upgrades import body_parser, framing_of

_MOST_WAITING: Final = 16
"""Requests that may wait on one connection for the answer to the first; each costs a few kilobytes."""
_LINGER_S: Final = 2.0
_LINGER_BYTES: Final = 16 << 20
"""What is read and thrown away after a refusal: a connection closed on unread bytes takes the refusal with it."""
_KNOWN_BYTES: Final = 128
"""A URL that is no longer is parsed once, among the last 256."""
_UNASKED_S: Final = 0.2
"""What a connection that has not asked yet has for it when the server ends: its request may be on the way."""
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_LOOKS_S: Final = (0.001, 0.01, 0.1)
"""When it is looked, after a client closed its sending side, whether it has gone; then every second."""

_WHOLE, _HEAD, _BODY = range(3)


class Guarded(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(self, *args: Any, crowd: Crowd, **named: Any) -> None:
        super().__init__(*args, **named)
        self._crowd = crowd
        self._limits = crowd.limits
        self._idle_since: float | None = None
        self._most_headers = crowd.limits.head_count
        self._most_head_bytes = crowd.limits.head_bytes
        self._most_body_bytes = crowd.limits.body_bytes
        self._phase = _WHOLE
        self._timed = _WHOLE
        self._timer: asyncio.TimerHandle | None = None
        self._running: RequestResponseCycle | None = None
        self._ended = False
        self._last = False  # the server ends: another request is the last one
        self._fed = 0  # bytes that came since the phase began, without those that came with its beginning
        self._feeding = 0
        self._body_bytes = 0
        self._body_before = 0
        self._barren = 0  # bytes since the last one that was body
        self._unread: bytes | None = None  # how the body is framed that the parser stopped before

    # What the transport tells.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client has come. Where there is no room, whoever keeps us waiting longest makes it."""
        super().connection_made(transport)
        if len(self.connections) > self._crowd.most and not self._crowd.makes_room():
            self._refuse(CROWDED)
            return
        self._crowd.waiting[self] = None
        self._idles()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end. uvicorn tells the newest request; the one that is being answered may be an older one."""
        super().connection_lost(exc)
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
        self.pipeline.clear()
        self._crowd.waiting.pop(self, None)
        self._unset_keepalive_if_required()
        self._stop_timer()

    def data_received(self, data: bytes) -> None:
        """Parse, and see that what is not complete does not become too much, or too late."""
        if self._ended:
            self._throw_away(len(data))
            return
        self._idle_since = None
        self._feeding = len(data)
        self._fed += self._feeding
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._refuse_for(error)
        except httptools.HttpParserUpgrade as upgrade:
            self._read_on(data[upgrade.args[0] :])
        if self._phase != _WHOLE and not self._ended:
            self._mind()
        elif self._timer is not None and not self._ended:
            self._stop_timer()

    def eof_received(self) -> bool | None:  # type: ignore[override]  # asyncio asks for it; uvicorn never stays
        """The client sends no more. Where it has given a whole request it may well wait for the answer.

        One that has gone altogether looks the same until something is sent to it, so an interim answer is.
        """
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body or self.scheme == "https":
            return None  # the transport closes itself
        cycle.keep_alive = False
        self._stop_timer()
        if not self.pipeline and not cycle.response_started and self.scope.get("http_version") == "1.1":
            self.transport.write(_CONTINUE)
        errors = select.poll()
        errors.register(self.transport.get_extra_info("socket").fileno(), 0)
        self._timer = self.loop.call_later(_LOOKS_S[0], self._look, errors, 1)
        return True

    # What the parser finds.

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._phase = _HEAD
        self._timed = _WHOLE
        self._fed = self._body_bytes = self._body_before = self._barren = 0

    def on_headers_complete(self) -> None:
        """The head is complete: the application begins."""
        if self._fed + self._feeding > self._most_head_bytes and self._head_bytes() > self._most_head_bytes:
            raise Refused(head_too_large(self._most_head_bytes, "bytes"))
        if len(self.headers) > self._most_headers:
            raise Refused(head_too_large(self._most_headers, "headers"))
        if len(self.pipeline) >= _MOST_WAITING:
            raise Refused(TOO_MANY_AT_ONCE)
        self._begin_cycle()
        self.headers = []  # of what comes behind a chunked body nobody may be told anything late
        self._phase = _BODY
        self._fed = 0
        if self.scope["http_version"] == "1.0":
            self.cycle.waiting_for_100_continue = False  # it knows no interim answers (RFC 9110, 10.1.1)
            self.cycle.send = partial(unchunked, cast("Cycle", self.cycle))  # type: ignore[method-assign]  # of this answer alone
        if self.parser.should_upgrade():
            # It is answered as if it had not asked, and is the last one; of its body the parser reads nothing.
            self.cycle.keep_alive = False
            self._unread = framing_of(self.scope)

    def _begin_cycle(self) -> None:
        """What uvicorn does with a whole head, for less."""
        parser, scope, before = self.parser, self.scope, self.cycle
        version = parser.get_http_version()
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"], scope["raw_path"], scope["query_string"] = (
            _known(self.url) if len(self.url) <= _KNOWN_BYTES else _parsed(self.url)
        )
        keep_alive = version != "1.0" and not self._last and parser.should_keep_alive()
        self.cycle = Cycle(self, keep_alive=keep_alive, on_response=self.on_response_complete)
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > self._most_body_bytes:
            raise Refused(body_too_large(self._most_body_bytes))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole, unless the parser stopped before the body of one that asks for another protocol."""
        if self._unread is not None:
            return
        if self.headers:
            self._check_trailers()
        self._phase = _WHOLE
        cycle = self.cycle
        if cycle.response_complete:  # answered before it was whole: nothing is asked any more
            self._idles()
            return
        cycle.more_body = False
        cycle.message_event.set()
        self._crowd.waiting.pop(self, None)

    def _read_on(self, data: bytes) -> None:
        """The body of a request that asks for another protocol; nothing behind it is read."""
        if self._unread is None:
            return
        self.parser, self._unread = body_parser(self, self._unread), None
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._refuse_for(error)

    def shutdown(self) -> None:
        """The server ends: close, or answer what is being answered. A connection just made may be about to ask."""
        if self._running is None and not self._ended:
            self._last = True
            self.loop.call_later(_UNASKED_S, self._close_unasked)
        else:
            super().shutdown()

    def abort(self) -> None:
        """End it at once."""
        self.transport.abort()

    def _close_unasked(self) -> None:
        if self._running is None:
            self.transport.close()

    # What the application has done.

    def on_response_complete(self) -> None:
        """An answer is out."""
        if self._ended:  # what came behind this request is not answered any more
            self.transport.close()
            return
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._crowd.waiting[self] = None
            self._idles()

    def _idles(self) -> None:
        """Nothing is asked. The timer is not set anew for every request: it looks when it is due, and goes on."""
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(self._limits.idle_s, self._idled)

    def _idled(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return
        left = self._idle_since + self._limits.idle_s - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self._idled)
        else:
            self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        self._idle_since = None
        super()._start_asgi_task(cycle, app)

    # Limits.

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _check_trailers(self) -> None:
        """They reach nobody, and are bounded as heads are, in however few pieces they come."""
        if len(self.headers) > self._most_headers:
            raise Refused(trailers_too_large(self._most_headers, "headers"))
        if sum(len(name) + len(value) + 4 for name, value in self.headers) > self._most_head_bytes:
            raise Refused(trailers_too_large(self._most_head_bytes, "bytes"))
        if not self.parser.should_keep_alive():  # one of them said so, and the parser reads nothing more
            self.cycle.keep_alive = False

    def _mind(self) -> None:
        """The request is not complete yet."""
        if self._phase == _HEAD and self._fed > self._most_head_bytes:
            self._refuse(head_too_large(self._most_head_bytes, "bytes"))
        elif self._phase == _HEAD and len(self.headers) > self._most_headers:
            self._refuse(head_too_large(self._most_headers, "headers"))
        elif self._phase == _BODY and self._is_mostly_framing():
            self._refuse(MOSTLY_FRAMING)
        elif self._timed != self._phase:
            self._stop_timer()
            self._timed = self._phase
            self._timer = self.loop.call_later(self._seconds(), self._late)

    def _is_mostly_framing(self) -> bool:
        """Chunks of a byte each, and what names or ends them without end."""
        if self._body_bytes == self._body_before:
            self._barren += self._feeding
        else:
            self._body_before, self._barren = self._body_bytes, 0
        most = self._most_head_bytes
        return self._barren > most or self._fed > 8 * self._body_bytes + most

    def _seconds(self) -> float:
        return self._limits.head_s if self._phase == _HEAD else self._limits.body_s

    def _late(self) -> None:
        if self.flow.read_paused:  # it is we who do not read
            self._timer = self.loop.call_later(self._seconds(), self._late)
        else:
            self._refuse(too_slow("head" if self._phase == _HEAD else "body", self._seconds()))

    def _refuse_for(self, error: httptools.HttpParserError) -> None:
        told = error.__context__
        self._refuse(told.refusal if isinstance(told, Refused) else MALFORMED)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal and close; what was asked before is answered first, and nothing is after it."""
        self._ended = True
        self._unset_keepalive_if_required()
        self._stop_timer()
        self._fed = 0
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if self.pipeline or not cycle.more_body:
                self.pipeline.clear()
                return
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
                return
        self._crowd.waiting[self] = None
        self.transport.write(refusal.written())
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._timer = self.loop.call_later(_LINGER_S, self.transport.abort)

    def _throw_away(self, count: int) -> None:
        self._fed += count
        if self._fed > _LINGER_BYTES:
            self.transport.abort()

    def _look(self, errors: select.poll, looks: int) -> None:
        """Whether a client that closed its sending side has gone."""
        if errors.poll(0):
            self.transport.abort()
        else:
            delay = _LOOKS_S[looks] if looks < len(_LOOKS_S) else 1.0
            self._timer = self.loop.call_later(delay, self._look, errors, looks + 1)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Secured(Guarded):
    """One connection of a client whose handshake was `arriving`."""

    def __init__(self, arriving: Arriving, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._arriving = arriving

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """The handshake is complete."""
        self._arriving.is_secure()
        super().connection_made(transport)
        if self._arriving.last:
            self.shutdown()


def _parsed(url: bytes) -> tuple[str, bytes, bytes]:
    """Path, path as it was sent, and query. Raises what the parser raises where it is no URL."""
    found = httptools.parse_url(url)
    path: str = found.path.decode("ascii")
    return unquote(path) if "%" in path else path, found.path, found.query or b""


_known = lru_cache(maxsize=256)(_parsed)


def protocol(crowd: Crowd, tls: ssl.SSLContext | None = None) -> type[asyncio.Protocol]:
    """What uvicorn calls for every connection that belongs to `crowd`."""
    made = partial(Guarded, crowd=crowd)
    return cast("type[asyncio.Protocol]", made if tls is None else partial(_arriving, crowd, tls))


def _arriving(crowd: Crowd, tls: ssl.SSLContext, *, server_state: ServerState, **named: Any) -> Arriving:
    served = partial(Secured, crowd=crowd, server_state=server_state, **named)
    return Arriving(tls, crowd.limits.head_s, Places(crowd, server_state.connections), served)
