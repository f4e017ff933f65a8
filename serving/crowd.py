"""The connections of one server: how many there may be, and who goes where there is no room."""

from __future__ import annotations

from typing import Any, Protocol

from serving.limits import Limits


class Connection(Protocol):
    """One that may have to go."""

    def abort(self) -> None:
        """End it at once."""


class Crowd:
    """The connections of one server. `waiting` are those that have not given a whole request, the longest first.

    Where they speak TLS those belong to them too whose handshake is not complete.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.most = limits.most_connections()
        self.waiting: dict[Connection, None] = {}

    def makes_room(self) -> bool:
        """Close the connection that has waited longest; False where all are being answered."""
        for connection in self.waiting:
            del self.waiting[connection]
            connection.abort()
            return True
        return False


class Places:
    """Where a handshake is counted: among the server's connections, and those that keep it waiting."""

    __slots__ = ("_connections", "_crowd")

    def __init__(self, crowd: Crowd, connections: set[Any]) -> None:
        self._crowd, self._connections = crowd, connections

    def enter(self, waiting: Connection) -> None:
        """Count one that has just come.

        Where all others are being answered it is one too many, until it can be told so or another comes.
        """
        if len(self._connections) >= self._crowd.most:
            self._crowd.makes_room()
        self._connections.add(waiting)
        self._crowd.waiting[waiting] = None

    def leave(self, waiting: Connection) -> None:
        """It is secure, or has gone."""
        self._connections.discard(waiting)
        self._crowd.waiting.pop(waiting, None)
