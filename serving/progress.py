"""How long work tells how far it is: `(done, total, note)`; a total of 0 means that nobody knows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[int, int, str], None]

_TICK_S = 0.5


def silent(done: int, total: int, note: str) -> None:
    """Report to nobody."""


@contextmanager
def ticking(report: Report, expected_s: int, note: str) -> Iterator[None]:
    """Report elapsed against expected seconds while the block runs, for work that cannot tell by itself.

    Stays one second short of `expected_s` until the block has ended, however long that takes.
    """
    started = time.monotonic()
    over = threading.Event()

    def tick() -> None:
        while not over.wait(_TICK_S):
            report(min(int(time.monotonic() - started), expected_s - 1), expected_s, note)

    report(0, expected_s, note)
    ticker = threading.Thread(target=tick, name="progress", daemon=True)
    ticker.start()
    try:
        yield
    finally:
        over.set()
        ticker.join()
    report(expected_s, expected_s, note)
