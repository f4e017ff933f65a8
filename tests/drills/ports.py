"""Ports that are still free when a part that was killed comes back.

Those that the system hands out are also what it takes for the client's end of a connection: while a server is away,
anybody's next connection may sit on its port.
"""

from __future__ import annotations

import os
import random
import socket
from contextlib import ExitStack
from typing import Final

_OURS: Final = range(20_000, 32_000)
"""Below what Linux hands out by itself (32,768 to 60,999)."""
# One of its own for each process: drills that begin at the same time must not draw the same ports.
_DICE: Final = random.Random(os.getpid())
_given: set[int] = set()


def lasting_port(*beside: int) -> int:
    """A port that is free, and with it those that lie so far above it. OSError where none is found."""
    for _ in range(200):
        port = _DICE.choice(_OURS)
        wanted = {port, *(port + step for step in beside)}
        if wanted & _given or not _free(wanted):
            continue
        _given.update(wanted)
        return port
    raise OSError(f"no {1 + len(beside)} free ports from {_OURS.start} to {_OURS.stop}")


def _free(ports: set[int]) -> bool:
    with ExitStack() as probes:
        try:
            for port in ports:
                probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
