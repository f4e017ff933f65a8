"""Server-sent events for any number of browsers: what changed is serialised once and written to all.

Nobody has a queue: whoever is slow gets the newest state when it is ready for it, and what lay between is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

from router.control.board.view import View
from telemetry.events import Value, now

log = logging.getLogger(__name__)

BEAT_S: Final = 1.0
"""How often it says that it lives; what time alone changes comes then, and what control did without a broker."""
LEAST_S: Final = 0.25
"""Between two frames: a burst of events is one of them."""
MOST_CLIENTS: Final = 1_000


class Stream:
    """Frames of a view. Everything but the view's signal happens on one event loop.

    `refresh` is called before the view is looked at.
    """

    def __init__(
        self,
        view: View,
        refresh: Callable[[], None] = lambda: None,
        beat_s: float = BEAT_S,
        least_s: float = LEAST_S,
    ) -> None:
        self.clients = 0
        self._view, self._refresh = view, refresh
        self._beat_s, self._least_s = beat_s, least_s
        self._frames: dict[str | None, tuple[int, bytes]] = {}
        self._round = 0
        self._beat = _beat()
        self._turn = asyncio.Event()
        self._woken = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = False

    async def frames(self, rollout_id: str | None) -> AsyncIterator[bytes]:
        """The overview, and one rollout where its id is given: at once, and whenever one of them is another."""
        self.clients += 1
        try:
            self._run()
            sent: dict[str | None, bytes] = {}
            wanted = (None,) if rollout_id is None else (None, rollout_id)
            while not self._over:
                turn = self._turn
                news = [frame for key in wanted if (frame := self._frame(key)) != sent.get(key)]
                sent = {key: self._frame(key) for key in wanted}
                yield b"".join([*news, self._beat])
                await turn.wait()
        finally:
            self.clients -= 1
            if self.clients == 0 and self._pump is not None:
                self._pump.cancel()
                self._pump = None

    def end(self) -> None:
        """End all streams: whoever serves them is about to stop."""
        self._over = True
        self._turn.set()

    def end_soon(self) -> None:
        """The same from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.end)

    def _run(self) -> None:
        if self._pump is None or self._pump.done():
            self._next_round()
            loop = self._loop = asyncio.get_running_loop()
            self._pump = loop.create_task(self._go_round())
            self._view.on_change = lambda: _wake(loop, self._woken)

    async def _go_round(self) -> None:
        while self.clients:
            # Not wait_for: in Python 3.11 it may lose a cancellation that comes with what it waits for.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._beat_s):
                    await self._woken.wait()
            self._woken.clear()
            self._next_round()
            turn, self._turn = self._turn, asyncio.Event()
            turn.set()
            await asyncio.sleep(self._least_s)

    def _next_round(self) -> None:
        try:
            self._refresh()
        except Exception:
            log.exception("the board shows what it knew")
        self._round += 1
        self._beat = _beat()

    def _frame(self, key: str | None) -> bytes:
        known = self._frames.get(key)
        if known is not None and known[0] == self._round:
            return known[1]
        what: Value | None
        if key is None:
            kind, what = "overview", self._view.overview()
        else:
            kind, what = "rollout", self._view.rollout(key, whole=False)
        # The time is in the beat: with it no two frames would be the same.
        text = "null" if what is None else what.model_dump_json(exclude={"now"})
        frame = _frame(kind, text)
        self._frames[key] = self._round, frame
        while len(self._frames) > MOST_CLIENTS:
            del self._frames[next(iter(self._frames))]
        return frame


def _wake(loop: asyncio.AbstractEventLoop, woken: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended, and with it everybody who listened
        loop.call_soon_threadsafe(woken.set)


def _beat() -> bytes:
    return _frame("beat", f'{{"now":"{now().isoformat()}"}}')


def _frame(kind: str, text: str) -> bytes:
    return f"event: {kind}\ndata: {text}\n\n".encode()
