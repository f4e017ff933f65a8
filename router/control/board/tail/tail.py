"""The tail as the rest of control has it: somebody looks, and a thread reads for as long as anybody does."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection
from typing import Final

from router.control.board.tail.following import follow
from router.control.board.tail.ring import Reading, Ring
from router.control.board.tail.rows import Row
from router.control.board.tail.wanted import Wanted, matches
from telemetry.bus.protocols import Bus
from telemetry.errors import BelayError
from telemetry.events import Value

log = logging.getLogger(__name__)

IDLE_S: Final = 30.0
"""So long after the last look nothing is read any more."""
RETRY_S: Final = 1.0
LEAST_S: Final = 0.5
"""Between two frames of a stream."""
BEGIN_S: Final = 3.0
"""So long a stream waits with its first frame until what lies there is read: what comes too late for that frame is new,
and of new rows fewer are told."""
MOST_CLIENTS: Final = 50
FIRST_ROWS: Final = 100
MOST_ROWS: Final = 40
"""Rows of a frame: with two frames a second more than anybody reads."""

NO_BROKER: Final = "this control was given no bootstrap_servers, and interactions are nowhere else"


class Told(Value):
    """Rows, the newest first. `left_out` more matched than were told.

    `reading` says how much of the topic was read in the last minute, `away` why nothing is.
    """

    rows: tuple[Row, ...]
    left_out: int
    reading: Reading
    away: str | None


class Tail:
    """Rows of what comes. `rollouts_of` names the rollouts of a route."""

    def __init__(self, bus: Bus | None, rollouts_of: Callable[[str], Collection[str]]) -> None:
        self.clients = 0
        self.ring = Ring()
        self._bus, self._rollouts_of = bus, rollouts_of
        self._away: str | None = NO_BROKER if bus is None else None
        self._lock = threading.Lock()
        self._looked = 0.0
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._begun = threading.Event()

    def look(self, wanted: Wanted, *, texts: bool, most: int = FIRST_ROWS) -> Told:
        """What there is now; without `texts` no row has a preview."""
        return self._told(wanted, 0, most, texts=texts)[1]

    async def frames(self, wanted: Wanted, *, texts: bool) -> AsyncIterator[bytes]:
        """Server-sent events: what there is, then what is new, twice a second at most; a beat where nothing is."""
        self.clients += 1
        try:
            await self._beginning()
            version, most = 0, FIRST_ROWS
            while not self._over.is_set():
                version, told = self._told(wanted, version, most, texts=texts)
                most = MOST_ROWS
                yield f"event: rows\ndata: {told.model_dump_json()}\n\n".encode()
                await asyncio.sleep(LEAST_S)
        finally:
            self.clients -= 1

    def end(self) -> None:
        """End all streams and the reading."""
        self._over.set()

    async def _beginning(self) -> None:
        """Wait until what lies there is read, or it is known that nothing is."""
        self._read()
        until = time.monotonic() + BEGIN_S
        while not self._begun.is_set() and self._away is None and time.monotonic() < until:
            if self._over.is_set():
                return
            await asyncio.sleep(0.02)

    def _told(self, wanted: Wanted, version: int, most: int, *, texts: bool) -> tuple[int, Told]:
        self._read()
        on_route = None if wanted.route is None else self._rollouts_of(wanted.route)
        news = self.ring.since(version, lambda row: matches(row, wanted, on_route), most)
        rows = news.rows if texts else tuple(row.model_copy(update={"preview": None}) for row in news.rows)
        reading = self.ring.reading(int(time.monotonic()))
        return news.version, Told(rows=rows, left_out=news.left_out, reading=reading, away=self._away)

    def _read(self) -> None:
        """See to it that somebody reads."""
        self._looked = time.monotonic()
        if self._bus is None or self._over.is_set():
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._begun.clear()
                self._thread = threading.Thread(
                    target=self._follow, args=(self._bus,), name="tail", daemon=True
                )
                self._thread.start()

    def _wanted(self) -> bool:
        return not self._over.is_set() and time.monotonic() - self._looked < IDLE_S

    def _still_wanted(self) -> bool:
        """Asked between two polls, so that a broker is there."""
        self._away = None
        return self._wanted()

    def _follow(self, bus: Bus) -> None:
        while self._wanted():
            try:
                follow(bus, self.ring, self._still_wanted, self._over.wait, begun=self._begun.set)
            except BelayError as error:
                self._away = error.message
            except Exception as error:
                log.exception("the tail starts over")
                self._away = f"a mistake of Belay's: {type(error).__name__}: {error}"
            self._over.wait(RETRY_S if self._away is not None else 0.0)
