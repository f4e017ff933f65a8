"""A connection before its TLS handshake is complete: it counts as every other, and has as long as a request's head.

`ssl` of asyncio's `create_server` tells nobody of a client until its handshake is complete: any number of clients that
never complete theirs would cost a file descriptor each.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from typing import Final, Protocol

_UNDER_WAY_S: Final = 0.2
"""What a handshake under way has to be completed when the server ends, as a connection has that has not asked yet."""


class Places(Protocol):
    """Where connections are counted."""

    def enter(self, waiting: Arriving) -> None:
        """Count one that has just come."""

    def leave(self, waiting: Arriving) -> None:
        """It is secure, and counted as what it is then, or it has gone. Harmless when repeated."""


class Arriving(asyncio.Protocol):
    """One connection until it is secure, for which it has `seconds`. `served` makes the protocol that it has then."""

    def __init__(
        self,
        context: ssl.SSLContext,
        seconds: float,
        places: Places,
        served: Callable[[Arriving], asyncio.BaseProtocol],
    ) -> None:
        self._context, self._seconds, self._places, self._served = context, seconds, places, served
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        self.last = False
        """Whether the server ends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come, and nothing is known of it."""
        # A transport that begins with TLS has to be another: this one would read before there is what understands it.
        number = transport.get_extra_info("socket").fileno()
        self._socket = socket.socket(fileno=os.dup(number))
        transport.abort()  # type: ignore[attr-defined]  # asyncio tells it of every transport
        self._places.enter(self)
        self._task = asyncio.ensure_future(self._shake_hands())

    def is_secure(self) -> None:
        """The handshake is complete."""
        self._places.leave(self)

    def abort(self) -> None:
        """End it, unless it is secure."""
        if self._socket is not None:
            self._socket.close()
        if self._task is not None:
            self._task.cancel()

    def shutdown(self) -> None:
        """The server ends."""
        self.last = True
        asyncio.get_running_loop().call_later(_UNDER_WAY_S, self.abort)

    async def _shake_hands(self) -> None:
        given, self._socket = self._socket, None
        if given is None:
            return
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._served(self), given, ssl=self._context, ssl_handshake_timeout=self._seconds
            )
        except (OSError, EOFError):  # what is no TLS, nobody's certificate, too late, gone
            pass
        finally:
            self._places.leave(self)
