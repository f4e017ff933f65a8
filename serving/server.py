"""How the router and control listen, and how they end: at once for nobody, within seconds for everybody."""

from __future__ import annotations

import errno
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from telemetry.errors import PortTaken, SettingsError


def free_port() -> int:
    """A port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises PortTaken, and SettingsError for a host that is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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


def serve(app: Callable[..., Awaitable[None]], listener: socket.socket, shutdown_s: float) -> None:
    """Serve until SIGTERM or SIGINT; what is in flight then has `shutdown_s` seconds, at least one."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        proxy_headers=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=max(1, round(shutdown_s)),
    )
    with _quiet_signals():
        uvicorn.Server(config).run(sockets=[listener])


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
