"""Who asks. wrk as fast as answers come, one at a time a connection; a clock of ours at a given rate; many streams."""

from __future__ import annotations

import asyncio
import json
import random
import re
import select
import shutil
import socket
import subprocess
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvloop

_TALK: Final = [
    {"role": "system", "content": "You are a helpful support agent of a shop that sells shoes."},
    {
        "role": "user",
        "content": "Where is my order 1234? I have waited for it for a week now, and nobody answers.",
    },
]
_SUBJECTS: Final = 10_000
_REQUESTS: Final = re.compile(r"(\d+) requests in ([\d.]+)(ms|s|m)")
_BAD: Final = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)")
_UNIT_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}
_DONE: Final = b"data: [DONE]"
_AT_ONCE: Final = 200
"""Streams that are opened at the same moment; a listener's backlog is bounded."""


def chat(**more: Any) -> bytes:
    """A body as clients send it."""
    return json.dumps({"model": "m", "messages": _TALK, **more}).encode()


def has_wrk() -> bool:
    """Whether there is one on this machine."""
    return shutil.which("wrk") is not None


def wrk(port: int, body: bytes, seconds: float, connections: int, folder: Path) -> tuple[int, float]:
    """Ask for so long; answers, and the seconds they took. RuntimeError where any was not a success."""
    script = folder / "load.lua"
    script.write_text(
        f"""local body = [==[{body.decode()}]==]
local head = {{["content-type"] = "application/json", ["authorization"] = "Bearer sk-none"}}
request = function()
  head["x-session-id"] = "s" .. math.random(1, {_SUBJECTS})
  return wrk.format("POST", "/v1/chat/completions", head, body)
end
""",
        encoding="utf-8",
    )
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{max(1, round(seconds))}s", "--timeout", "60s",
               "-s", str(script), f"http://127.0.0.1:{port}"]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found, bad = _REQUESTS.search(said), _BAD.search(said)
    if found is None or bad is not None:
        raise RuntimeError(f"wrk at port {port}: {bad[0] if bad else said}")
    return int(found[1]), float(found[2]) * _UNIT_S[found[3]]


@dataclass(slots=True)
class _Line:
    """One connection of the clock."""

    socket: socket.socket
    due: float = 0.0
    got: bytes = b""

    def whole(self) -> bool:
        """Whether its answer is complete."""
        head, end, rest = self.got.partition(b"\r\n\r\n")
        if not end:
            return False
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        return len(rest) >= int(length[1]) if length else rest.endswith(b"0\r\n\r\n")


@dataclass(slots=True)
class Clock:
    """Asks at moments drawn beforehand (Poisson, seeded), whatever became of the answers before.

    A request that finds no connection free waits, and its wait counts: nothing hides behind a slow answer.
    """

    port: int
    rate: float
    seed: int
    connections: int = 64
    late: list[float] = field(default_factory=list)

    def run(self, seconds: float) -> list[float]:
        """Seconds from each moment to the end of its answer, sorted."""
        chance, body = random.Random(self.seed), chat()
        requests = [_request(body, f"s{number}") for number in range(_SUBJECTS)]
        idle, waiting, busy, taken = deque(self._open()), deque[float](), dict[int, _Line](), list[float]()
        begin = time.perf_counter()
        following, end = begin, begin + seconds
        while following < end or busy or waiting:
            moment = time.perf_counter()
            while following <= moment and following < end:
                waiting.append(following)
                following += chance.expovariate(self.rate)
            while waiting and idle:
                line = idle.popleft()
                line.due, line.got = waiting.popleft(), b""
                line.socket.send(requests[chance.randrange(_SUBJECTS)])
                busy[line.socket.fileno()] = line
            patience = max(0.0, following - time.perf_counter()) if following < end and idle else 1.0
            ready, _, _ = select.select(list(busy), [], [], patience)
            for number in ready:
                line = busy[number]
                line.got += line.socket.recv(65536)
                if line.whole():
                    taken.append(time.perf_counter() - line.due)
                    idle.append(busy.pop(number))
        for line in idle:
            line.socket.close()
        return sorted(taken)

    def _open(self) -> list[_Line]:
        lines = []
        for _ in range(self.connections):
            connection = socket.create_connection(("127.0.0.1", self.port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            lines.append(_Line(connection))
        return lines


def streams(port: int, count: int, events: int, tick_ms: int) -> int:
    """Open so many streams, all at once; how many of them had all their events."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_streams(port, count, events, tick_ms))


async def _streams(port: int, count: int, events: int, tick_ms: int) -> int:
    body = chat(stream=True, max_tokens=events, tick_ms=tick_ms)
    opening = asyncio.Semaphore(_AT_ONCE)
    told = await asyncio.gather(*(_stream(port, _request(body, f"s{n}"), opening) for n in range(count)))
    return sum(found == events for found in told)


async def _stream(port: int, request: bytes, opening: asyncio.Semaphore) -> int:
    try:
        async with opening:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
        said = head + await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 120)
        writer.close()
    except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
        return -1
    return said.count(b"data: {") if _DONE in said else -1


def _request(body: bytes, subject: str) -> bytes:
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"authorization: Bearer sk-none\r\nx-session-id: %b\r\ncontent-length: %d\r\n\r\n%b"
        % (subject.encode(), len(body), body)
    )
