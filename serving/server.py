"""How the router and control listen, and how they end: at once for nobody, within seconds for everybody."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from typing import Any, Final, NamedTuple

import uvicorn

from serving.crowd import Crowd
from serving.guarded import protocol
from serving.limits import Limits, raise_file_limit
from serving.tls import Certificate, Kept, TlsFiles, context_of
from telemetry.errors import PortTaken, SettingsError

_BESIDE: Final = 64
"""Connections to what is served beside clients: a few watchers."""

App = Callable[..., Awaitable[None]]


def free_port() -> int:
    """A port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket. Raises PortTaken, and SettingsError for a host that is not ours.

    Of several on one port, all `shared`, the kernel gives each connection to one.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"port {port} on {host} is in use",
                hint="Stop what listens there, or choose another port; 0 takes a free one.",
            ) from error
        raise SettingsError(f"cannot listen on {host}:{port}: {error}") from error
    listener.setblocking(False)
    return listener


def config_of(
    app: App,
    limits: Limits,
    shutdown_s: float = 1.0,
    *,
    lifespan: bool = True,
    tls: ssl.SSLContext | None = None,
) -> uvicorn.Config:
    """How a server of ours serves an application; each needs one of its own."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=protocol(Crowd(limits), tls),
        ws="none",
        lifespan="on" if lifespan else "off",
        access_log=False,
        proxy_headers=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=max(1, round(shutdown_s)),
    )


class Beside(NamedTuple):
    """A second application of the process, on a listener of its own: it is there until the first one has ended."""

    app: App
    listener: socket.socket


def serve(
    app: App,
    listener: socket.socket,
    shutdown_s: float,
    limits: Limits | None = None,
    beside: Beside | None = None,
    ending: Callable[[], None] = lambda: None,
    tls: TlsFiles | None = None,
    good: Kept | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; what is in flight then has `shutdown_s` seconds, at least one.

    `ending` is called on the server's loop before that: it ends what would stream for ever. `good` keeps what the files
    of TLS say, and has it where they cannot be used. Raises SettingsError where there is no TLS to be had of either.
    """
    raise_file_limit()
    context = context_of(tls, good) if tls is not None else None
    config = config_of(app, limits or Limits(), shutdown_s, tls=context)
    with _quiet_signals(), asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        followed = (
            certificate_followed(tls, context, good)
            if tls is not None and context is not None
            else nullcontext()
        )
        runner.run(_serve(_Ending(config, ending), listener, beside, followed))


class _Ending(uvicorn.Server):
    """A server that says when it ends, before it waits for what is in flight."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        self._ending()
        await super().shutdown(sockets)


async def _serve(
    server: uvicorn.Server,
    listener: socket.socket,
    beside: Beside | None,
    followed: AbstractAsyncContextManager[None],
) -> None:
    async with followed:
        await _serve_both(server, listener, beside)


@asynccontextmanager
async def certificate_followed(
    files: TlsFiles, context: ssl.SSLContext, good: Kept | None = None
) -> AsyncIterator[None]:
    """While a server runs that speaks TLS by `context`, have it take on what changes in its files."""
    following = asyncio.create_task(Certificate(files, context, good).follow())
    try:
        yield
    finally:
        following.cancel()


async def _serve_both(server: uvicorn.Server, listener: socket.socket, beside: Beside | None) -> None:
    if beside is None:
        await server.serve(sockets=[listener])
        return
    other = Unsignalled(config_of(beside.app, Limits(connections=_BESIDE), lifespan=False))
    serving = asyncio.create_task(other.serve(sockets=[beside.listener]))
    try:
        await server.serve(sockets=[listener])
    finally:
        other.should_exit = True
        await serving


class Unsignalled(uvicorn.Server):
    """A server that leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


@contextmanager
def _quiet_signals() -> Iterator[None]:
    """Have SIGTERM and SIGINT end the server and nothing else: uvicorn raises them anew when it is done."""
    before = {number: signal.signal(number, _ignore) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore(number: int, frame: Any) -> None:
    """The server has acted on it already."""
