"""Engines on real sockets that behave as they are told, and a router in front of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from router.proxy.counters import Counters
from router.proxy.gateway import Gateway
from router.proxy.own_address import OwnAddress
from router.proxy.routes import Route
from router.proxy.settings import RouterSettings
from serving.server import Unsignalled, config_of, listen
from telemetry.rollout_file import write_rollout
from telemetry.spool.raw_record import RawRecord, unpack
from telemetry.spool.reader import SpoolReader
from tests.router.values import with_share

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "hi"}],
    "unknown_field": {"a": [1]},
}
STREAM = BODY | {"stream": True}
BASE_TEXT, CANDIDATE_TEXT = "from base", "from candidate"


@dataclass
class Asked:
    """A request as an engine received it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader

    def peer_left(self) -> bool:
        return self.reader.at_eof()

    def json(self) -> Any:
        return json.loads(self.body)


Behaviour = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class FakeEngine:
    """One engine. `behave` answers each request; `gone` counts requests whose peer left before the end."""

    behave: Behaviour
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    gone: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> FakeEngine:
        self._writers: set[asyncio.StreamWriter] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    async def close_idle(self) -> None:
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while not writer.is_closing():
                asked = await _read(reader)
                self.asked.append(asked)
                await self.behave(asked, writer)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        except ConnectionError:
            self.gone += 1
        finally:
            self._writers.discard(writer)
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, target, headers, body, reader)


def reply(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def completion(text: str = "hello", model: str = "m") -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
        "logprobs": None,
    }
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    return {
        "id": "c-1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage
    }  # fmt: skip


def event(text: str, model: str = "m") -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    chunk = {
        "id": "c-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
        "choices": [choice],
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\nx-engine: yes\r\n\r\n"
)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def says(text: str, *, model: str = "m", delay_s: float = 0.0) -> Behaviour:
    """An engine that answers with a text: as a stream, a letter an event, where it is asked for one."""

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay_s)
        if asked.method == "POST" and asked.json().get("stream"):
            writer.write(SSE_HEAD)
            for letter in text:
                writer.write(chunk(event(letter, model)))
                await writer.drain()
                await asyncio.sleep(0)
            writer.write(chunk(DONE) + chunk(b""))
        else:
            body = json.dumps(completion(text, model), separators=(",", ":")).encode()
            writer.write(reply(200, body, "content-type: application/json", "x-engine: yes"))

    return behave


def answers(raw: bytes, *, then_die: bool = False, delay_s: float = 0.0) -> Behaviour:
    """An engine that writes these bytes, and may close the connection after them."""

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay_s)
        writer.write(raw)
        await writer.drain()
        if then_die:
            await asyncio.sleep(0.02)  # let the bytes arrive before the end
            writer.close()

    return behave


async def never(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """An engine that accepts a request and says nothing, until its client goes."""
    while not (asked.peer_left() or writer.transport.is_closing()):  # noqa: ASYNC110 - streams offer no event for it
        await asyncio.sleep(0.01)
    raise ConnectionResetError


async def streams_for_ever(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(SSE_HEAD)
    while not (asked.peer_left() or writer.transport.is_closing()):
        writer.write(chunk(event("x")))
        await writer.drain()
        await asyncio.sleep(0.005)
    raise ConnectionResetError


@dataclass
class Router:
    """A running router. `stop` ends it as SIGTERM does; `own` asks it how it is, at its own address."""

    gateway: Gateway
    url: str
    spool: Path
    server: Unsignalled
    task: asyncio.Task[None]

    @property
    def own(self) -> httpx.AsyncClient:
        """Asks the router how it is, where it tells so."""
        app = httpx.ASGITransport(OwnAddress(self.gateway.status))
        return httpx.AsyncClient(transport=app, base_url="http://own")

    @property
    def route(self) -> Route:
        """The default route."""
        assert self.gateway.routes.default is not None
        return self.gateway.routes.default

    @property
    def counters(self) -> Counters:
        """What the default route counts."""
        return self.route.counters

    async def stop(self) -> None:
        self.server.should_exit = True
        await self.task

    def records(self) -> list[RawRecord]:
        """The interactions in the spool."""
        return [record for record in self.spooled() if not record.is_shadow]

    def shadows(self) -> list[RawRecord]:
        """The answers of shadows in the spool."""
        return [record for record in self.spooled() if record.is_shadow]

    def spooled(self) -> list[RawRecord]:
        """Everything in the spool."""
        with SpoolReader(self.spool) as reader:
            return [unpack(spooled.payload) for spooled in reader.read(100_000)]


@contextlib.asynccontextmanager
async def running(
    folder: Path, control: str | list[str] | None, candidate: str | list[str] | None, **changes: Any
) -> AsyncIterator[Router]:
    """A router with its files in `folder`, in front of two URLs, or several each; without, it has no default route."""
    settings = RouterSettings.model_validate(
        {
            "port": 0,
            "router_id": "router-7",
            **{
                arm: {
                    "arm": arm,
                    "url" if isinstance(url, str) else "urls": url,
                    "model": changes.pop(f"{arm}_model", None),
                    "answers_as": changes.pop(f"{arm}_answers_as", None),
                    "key_env": changes.pop(f"{arm}_key_env", None),
                }
                for arm, url in (("control", control), ("candidate", candidate))
                if url is not None
            },
            "rollout_file": folder / "rollout.json",
            "spool_folder": folder / "spool",
            "expose_arm": True,
        }
        | changes
    )
    gateway = Gateway(settings)
    listener = listen("127.0.0.1", 0)
    server = Unsignalled(config_of(gateway, settings.limits))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
        await asyncio.sleep(0.005)
    router = Router(
        gateway, f"http://127.0.0.1:{listener.getsockname()[1]}", settings.spool_folder, server, task
    )
    try:
        yield router
    finally:
        await router.stop()
        listener.close()


@contextlib.asynccontextmanager
async def rolling(
    folder: Path,
    candidate: Behaviour,
    control: Behaviour | None = None,
    *,
    share: float = 1.0,
    shadow: float = 0.0,
    **settings: Any,
) -> AsyncIterator[tuple[Router, FakeEngine, FakeEngine, httpx.AsyncClient]]:
    """A router amid a rollout that gives everybody the candidate."""
    write_rollout(folder / "rollout.json", with_share(share, shadow=shadow))
    async with (
        FakeEngine(control or says(BASE_TEXT)) as base,
        FakeEngine(candidate) as other,
        running(folder, base.url, other.url, **settings) as router,
        httpx.AsyncClient(base_url=router.url, timeout=10) as http,
    ):
        yield router, base, other, http


def text_of(answer: httpx.Response) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


async def until(what: Callable[[], Any]) -> None:
    """Wait for something that happens beside the test."""
    async with asyncio.timeout(5):
        while not what():  # noqa: ASYNC110 - what is waited for is anything at all
            await asyncio.sleep(0.005)
