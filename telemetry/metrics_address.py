"""GET /metrics of a process that serves nothing else, or nothing else there: an address of its own, on one thread.

Nobody signs in, so it listens on this machine unless it is told otherwise, and figures have no text of anybody's in
them, no subject and no request. A scrape that goes wrong costs that scrape and nothing of the process.
"""

from __future__ import annotations

import errno
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import TCPServer
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector

from telemetry.errors import PortTaken, SettingsError
from telemetry.settings import Port, Settings

log = logging.getLogger(__name__)

_SILENT_S: Final = 10.0
"""A connection that says nothing for so long is closed: each has a thread."""


class MetricsSettings(Settings):
    """Where a process tells its figures: `metrics_port` of `metrics_host`, 0 for a free one; None for nowhere."""

    metrics_host: str = "127.0.0.1"
    metrics_port: Port | None = None


@contextmanager
def metrics_served(settings: MetricsSettings, *collectors: Collector) -> Iterator[int | None]:
    """Serve what these collect while the block runs; the port, None where no metrics are wanted.

    Raises PortTaken, and SettingsError for a host that is not ours.
    """
    if settings.metrics_port is None:
        yield None
        return
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    host, port = settings.metrics_host, settings.metrics_port
    server = _listening(host, port, make_wsgi_app(registry))
    thread = threading.Thread(target=server.serve_forever, name="belay-metrics", daemon=True)
    thread.start()
    log.info("metrics at http://%s:%d/metrics", host, server.server_port)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(WSGIRequestHandler):
    """Logs no request: there is one every few seconds."""

    timeout = _SILENT_S

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingWSGIServer):
    """The library's own, but for asking the DNS for this machine's name: where nothing answers that takes a while."""

    def server_bind(self) -> None:
        """Bind to the address as it is."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _IPv6(_Server):
    """The same on an address of IPv6."""

    address_family = socket.AF_INET6


def _listening(host: str, port: int, app: Any) -> ThreadingWSGIServer:
    kind = _IPv6 if ":" in host else _Server
    try:
        return make_server(host, port, app, kind, _Quiet)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"port {port} on {host}, for metrics, is in use",
                hint="Stop what listens there, or choose another `metrics_port`.",
            ) from error
        raise SettingsError(f"cannot serve metrics on {host}:{port}: {error}") from error
