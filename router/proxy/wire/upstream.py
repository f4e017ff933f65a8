"""A small HTTP/1.1 client for engines: pooled connections, answers passed on as they arrive.

Written for the router because its cost is paid on every request. One `Upstream` is one engine, one
`Exchange` one request to it, which a `Connection` carries.
"""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

from router.proxy.wire.asking import Patience, Request, UpstreamFailed
from router.proxy.wire.connection import Connection
from router.proxy.wire.exchange import Exchange
from router.proxy.wire.lookout import Lookout
from router.proxy.wire.retries import RetryBudget


class Upstream:
    """One engine and the idle connections to it. Used from one event loop."""

    def __init__(self, url: str, *, connect_s: float = 2.0) -> None:
        parts = urlsplit(url)
        self.url = url
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self._connect_s = connect_s
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        # An engine's URL is often given with the `/v1` that the client's path already has.
        self.prefix = parts.path.rstrip("/").removesuffix("/v1").encode()
        self.host_line = b"host: " + parts.netloc.rpartition("@")[2].encode() + b"\r\n"
        self.idle: list[Connection] = []
        self._lookout: Lookout | None = None
        self.budget = RetryBudget()

    @property
    def lookout(self) -> Lookout:
        """What looks after the patience of all exchanges with this engine."""
        if self._lookout is None:  # made on the loop that it is used on
            self._lookout = Lookout()
        return self._lookout

    def exchange(self, request: Request, patience: Patience) -> Exchange:
        """One request to this engine, not yet sent."""
        return Exchange(self, request, patience)

    def take(self) -> Connection | None:
        """An idle connection, the one used last first; None where there is none."""
        while self.idle:
            connection = self.idle.pop()
            if connection.is_silent():
                return connection
            connection.transport.abort()
        return None

    async def connect(self) -> Connection:
        """A fresh connection. Raises UpstreamFailed."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(self), self.host, self.port, ssl=self._tls
                )
        except TimeoutError:
            message = f"no connection to {self.url} within {self._connect_s:g} s"
            raise UpstreamFailed(message, "timeout") from None
        except OSError as error:
            raise UpstreamFailed(f"no connection to {self.url}: {error}", "refused") from error
        return connection

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self.idle:
            connection.transport.close()
        self.idle.clear()
        if self._lookout is not None:
            self._lookout.close()
