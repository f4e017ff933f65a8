"""What a client may cost before it has given a whole request."""

from __future__ import annotations

import resource
from typing import Annotated, Final

from pydantic import Field

from telemetry.settings import Settings

Seconds = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(gt=0)]

_KEPT_FILES: Final = 128
"""File descriptors for all that is no client: logs, spool, listeners, a burst of connections that will be refused."""
_MOST_FILES: Final = 65_536


class Limits(Settings):
    """What a server bears from its clients: bytes, headers, seconds, connections.

    `head_s` and `body_s` are the seconds in which a request's head and body must be complete. A connection without a
    request is closed after `idle_s`: longer than the load balancers before it keep theirs (most 60 s), or they send
    into a connection that closes. `connections` is how many there may be; without it, half of the file descriptors
    that the system grants, since every request may need one more towards an engine.
    """

    head_bytes: Count = 64 << 10
    head_count: Count = 200
    body_bytes: Count = 64 << 20
    head_s: Seconds = 20.0
    body_s: Seconds = 120.0
    idle_s: Seconds = 75.0
    connections: Count | None = None

    def most_connections(self) -> int:
        """How many connections there may be."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        granted = max(1, (files - _KEPT_FILES) // 2) if files != resource.RLIM_INFINITY else _MOST_FILES
        return min(self.connections, granted) if self.connections is not None else granted


def raise_file_limit() -> None:
    """Take as many file descriptors as this process may have without asking; the usual 1,024 are few for a server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
