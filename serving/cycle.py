"""One request and its answer, as uvicorn's own cycle has them, for less: what is here is paid on every request.

It says to the application what uvicorn's says, and the same bytes to the client. What costs less: a head goes out
together with the first piece of the body, in one write instead of two; headers are checked all at once; nothing is
made that is only needed by whoever has to wait.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, MutableMapping
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HEADER_RE, STATUS_LINE, RequestResponseCycle

Message = MutableMapping[str, Any]

_FORBIDDEN: Final = bytes(number for number in (*range(0x20), 0x7F) if number != 0x09)
"""What no header may contain; each line ends in two of them."""
_NO_BODY: Final = frozenset({204, 304})
_MOST_NAMES: Final = 1024

_names: dict[bytes, bytes] = {}


class Signal:
    """An event of asyncio's that is cheap to make: there is a real one only where somebody waits."""

    __slots__ = ("_event", "_is_set")

    def __init__(self) -> None:
        self._is_set = False
        self._event: asyncio.Event | None = None

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Let go on whoever waits, and whoever will."""
        self._is_set = True
        if self._event is not None:
            self._event.set()

    def clear(self) -> None:
        """Have whoever will wait do so."""
        self._is_set = False
        if self._event is not None:
            self._event.clear()

    async def wait(self) -> None:
        """Wait until it is set."""
        if self._is_set:
            return
        if self._event is None:
            self._event = asyncio.Event()
        await self._event.wait()


class Cycle(RequestResponseCycle):
    """Everything that uvicorn's protocol asks of one."""

    access_log = False
    logger = logging.getLogger("uvicorn.error")

    def __init__(
        self,
        protocol: Any,
        *,
        keep_alive: bool,
        on_response: Callable[[], None],
    ) -> None:
        # Not uvicorn's own: it has another event, and loggers an instance.
        self.scope = protocol.scope
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.default_headers = protocol.server_state.default_headers
        self.message_event = cast("asyncio.Event", Signal())
        self.on_response = on_response
        self.disconnected = False
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = protocol.expect_100_continue
        self.body = bytearray()
        self.more_body = True
        self.response_started = False
        self.response_complete = False
        self.chunked_encoding: bool | None = None
        self.expected_content_length = 0
        self._loop: asyncio.AbstractEventLoop = protocol.loop
        self._head = b""

    async def receive(self) -> Any:
        """The request's body, then, when it comes to that, the client's leaving."""
        event = self.message_event
        if event.is_set() and not (
            self.waiting_for_100_continue or self.disconnected or self.response_complete
        ):
            self.flow.resume_reading()
            event.clear()
            message = {"type": "http.request", "body": bytes(self.body), "more_body": self.more_body}
            self.body = bytearray()
            return message
        return await super().receive()

    async def send(self, message: Any) -> None:
        """A message of the application's: a head, which waits for its body until the loop's next round, or a piece."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started and message["type"] == "http.response.start":
            self._head = self._begin(message["status"], message.get("headers", ()))
            self._loop.call_soon(self._flush)
        elif self.response_started and not self.response_complete and message["type"] == "http.response.body":
            self._continue(message.get("body", b""), more=message.get("more_body", False))
        else:
            await super().send(message)  # which knows what is wrong with it

    def _begin(self, status: int, headers: Any) -> bytes:
        self.response_started = True
        self.waiting_for_100_continue = False
        lines, closes = [STATUS_LINE[status]], False
        for said, value in (*self.default_headers, *headers):
            name = _names.get(said) or _checked(said)
            if name == b"content-length":
                if self.chunked_encoding is None:
                    self.expected_content_length = int(value)
                    self.chunked_encoding = False
            elif name == b"transfer-encoding":
                if value.lower() == b"chunked":
                    self.expected_content_length = 0
                    self.chunked_encoding = True
            elif name == b"connection" and b"close" in [token.lower().strip() for token in value.split(b",")]:
                self.keep_alive, closes = False, True
            lines.append(b"%b: %b\r\n" % (name, value))
        if not self.keep_alive and not closes:
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in _NO_BODY:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        head = b"".join(lines)
        if len(head) - len(head.translate(None, _FORBIDDEN)) != 2 * len(lines):
            raise RuntimeError("Invalid HTTP header value.")
        return head + b"\r\n"

    def _continue(self, body: bytes, *, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
            data = b""
        elif self.chunked_encoding:
            data = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more:
                data += b"0\r\n\r\n"
        else:
            if len(body) > self.expected_content_length:
                raise RuntimeError("Response content longer than Content-Length")
            self.expected_content_length -= len(body)
            data = body
        head, self._head = self._head, b""
        self.transport.write(head + data if head else data)
        if not more:
            if self.expected_content_length != 0:
                raise RuntimeError("Response content shorter than Content-Length")
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()

    def _flush(self) -> None:
        """Write a head whose body takes its time."""
        head, self._head = self._head, b""
        if head and not self.transport.is_closing():
            self.transport.write(head)


def _checked(name: bytes) -> bytes:
    """A header's name in lower case; looked at once. Raises RuntimeError where it is none."""
    if HEADER_RE.search(name):
        raise RuntimeError("Invalid HTTP header name.")
    if len(_names) < _MOST_NAMES:
        _names[name] = name.lower()
    return name.lower()


async def unchunked(cycle: Cycle, message: Any) -> None:
    """Send to a client of HTTP/1.0, which knows no chunks: without a length the connection's end is the answer's."""
    if message["type"] == "http.response.start":
        if not any(name.lower() == b"content-length" for name, _ in message.get("headers", [])):
            cycle.chunked_encoding = False
    elif cycle.chunked_encoding is False and not cycle.expected_content_length:
        cycle.expected_content_length = len(message.get("body", b""))
    await Cycle.send(cycle, message)
