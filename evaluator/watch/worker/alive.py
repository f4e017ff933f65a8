"""Signs of life of the worker's loops: a file each, whose age says how long ago the loop last went round.

A loop that dies ends the process; one that hangs is found by whoever looks at the file's age, by a probe of Kubernetes,
say. A broker that is away is no reason to start the process anew, so a loop that waits for it goes round too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

EVERY_S: Final = 1.0


class Alive:
    """The sign of one loop, the file `loop` in `folder`; none where there is no folder."""

    def __init__(self, folder: Path | None, loop: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = folder / loop if folder is not None else None
        self._clock = clock
        self._last = float("-inf")
        self._failed = False

    def beat(self) -> None:
        """The loop has gone round: the file is made young, at most once a second. Never raises."""
        now = self._clock()
        if self._file is None or now - self._last < EVERY_S:
            return
        self._last = now
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.touch()
        except OSError as error:
            if not self._failed:
                log.warning("no sign of life can be left in %s: %s", self._file, error)
            self._failed = True
        else:
            self._failed = False
