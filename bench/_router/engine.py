"""A stub engine, as cheap as Python gets: one whole answer, or a stream of events, whatever is asked.

    python bench/_router/engine.py PORT [PORT...]      # prints "ready", and serves until it is killed

A request whose body says `"stream":true` gets `max_tokens` events, one every `tick_ms` (5 where the body names none),
each in a write of its own: events of all streams leave in the same tick, as a batch of a model's tokens does.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import Final

import uvloop

_TOLD: Final = re.compile(rb'"(max_tokens|tick_ms)":\s*(\d+)')
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TICK_MS: Final = 5

_CHOICE: Final = {
    "index": 0,
    "message": {"role": "assistant", "content": "word " * 40},
    "finish_reason": "stop",
}
ANSWER: Final = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [_CHOICE],
        "usage": {"prompt_tokens": 20, "completion_tokens": 40, "total_tokens": 60},
    }
).encode()
_WHOLE: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)
) + ANSWER
_STREAM: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_DELTA: Final = {"index": 0, "delta": {"content": " word"}, "finish_reason": None}
EVENT: Final = _chunk(
    b"data: %b\n\n"
    % json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [_DELTA],
        }
    ).encode()
)
_LAST: Final = _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


class Ticks:
    """Writes an event to every stream of one pace, at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._left: dict[Engine, int] = {}
        self._due = 0.0

    def add(self, stream: Engine, count: int) -> None:
        """A stream of so many events begins."""
        if not self._left:
            self._due = self._loop.time()
            self._later()
        self._left[stream] = count

    def drop(self, stream: Engine) -> None:
        """Its client has gone."""
        self._left.pop(stream, None)

    def _later(self) -> None:
        self._due = max(self._due + self._seconds, self._loop.time())
        self._loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        for stream, left in list(self._left.items()):
            if left > 1:
                self._left[stream] = left - 1
                stream.transport.write(EVENT)
            else:
                del self._left[stream]
                stream.transport.write(EVENT)
                stream.transport.write(_LAST)
        if self._left:
            self._later()


class Engine(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, ticks: dict[int, Ticks]) -> None:
        self._ticks = ticks
        self._got = b""
        self._mine: Ticks | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A router has come."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's is no subclass of asyncio's

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's shape
        """It has gone."""
        if self._mine is not None:
            self._mine.drop(self)

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self._got += data
        while (end := self._got.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._got, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._got) < whole:
                return
            body, self._got = self._got[end + 4 : whole], self._got[whole:]
            if b'"stream":true' in body or b'"stream": true' in body:
                self._stream({name: int(number) for name, number in _TOLD.findall(body)})
            else:
                self.transport.write(_WHOLE)

    def _stream(self, told: dict[bytes, int]) -> None:
        tick_ms = told.get(b"tick_ms", _TICK_MS)
        self.transport.write(_STREAM)
        self._mine = self._ticks.setdefault(tick_ms, Ticks(tick_ms / 1000.0))
        self._mine.add(self, told.get(b"max_tokens", 1))


async def _serve(ports: list[int]) -> None:
    loop, ticks = asyncio.get_running_loop(), dict[int, Ticks]()
    for port in ports:
        await loop.create_server(lambda: Engine(ticks), "127.0.0.1", port, backlog=8192)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve([int(port) for port in sys.argv[1:]]))
