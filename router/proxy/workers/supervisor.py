"""The process above several workers: it starts and ends them, holds their listeners, and speaks for all.

Each worker has a seat: a listener on the same port (SO_REUSEPORT), which the supervisor keeps open. Who connects
while a seat's worker is replaced waits in its queue and is refused by nobody.

SIGTERM, SIGINT   every worker drains
SIGHUP            every worker is replaced, one after the other, by one that reads settings and code anew
a worker's death  it is replaced after a pause that grows, and counted; where settings or keys cannot be used by then,
                  with the last good ones
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvloop

from router.proxy.keys.rows import Shared
from router.proxy.last_good import LastGood
from router.proxy.own_address import OwnAddress
from router.proxy.settings import RouterSettings
from router.proxy.wire import answers
from router.proxy.wire.client import Client, Receive, Scope, Send
from router.proxy.workers.child import Child, WorkerFailed, begin
from router.proxy.workers.sums import counts_of, summed
from serving.limits import Limits, raise_file_limit
from serving.server import Unsignalled, config_of, listen
from telemetry.errors import BelayError

log = logging.getLogger(__name__)

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 30.0
_OPEN_FOR_S: Final = 1.0
"""A seat that is empty for longer has no listener: whoever connects goes to another worker instead of waiting."""
_SETTLED_S: Final = 60.0
"""A worker that has run for so long has nothing to do with the deaths before."""
_GRACE_S: Final = 3.0
"""What a worker has to end beyond the time that answers in flight have."""
_WATCHERS: Final = 64


def supervise(settings: RouterSettings) -> None:
    """Run `settings.workers` routers until SIGTERM or SIGINT. Raises PortTaken, SettingsError, WorkerFailed."""
    raise_file_limit()
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(contextlib.closing(one)) for one in _listeners(settings)]
        own = stack.enter_context(contextlib.closing(listen(settings.status_host, settings.status_port)))
        log.info("router %s listens on %s:%d", settings.router_id, *listeners[0].getsockname()[:2])
        log.info("router %s tells how it is on %s:%d", settings.router_id, *own.getsockname()[:2])
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(Supervisor(settings, listeners).run(own))


def _listeners(settings: RouterSettings) -> Iterator[socket.socket]:
    # Sockets that share a port would share it with another router's too.
    with contextlib.closing(listen(settings.host, settings.port)) as alone:
        port = alone.getsockname()[1]
    for _ in range(settings.workers):
        yield listen(settings.host, port, shared=True)


class Supervisor:
    """The workers by their seats. An ASGI application too: what is told at the router's own address."""

    def __init__(self, settings: RouterSettings, listeners: list[socket.socket]) -> None:
        self._settings = settings
        self._listeners = listeners
        self._rows = Shared.made(settings.workers)
        self._last_good = LastGood.made()
        self._spent = Shared(self._rows, 0)
        self._port: int = listeners[0].getsockname()[1]
        self._numbers: set[int] = set()
        self._seats: dict[int, Child] = {}
        self._changing = [asyncio.Lock() for _ in listeners]
        self._living: set[Child] = set()
        self._ended: dict[str, Any] = {}
        self._restarts = 0
        self._replaced = 0
        self._rolling: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._own = OwnAddress(self.status)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a question about the router with what all workers say now."""
        await asyncio.gather(*(child.ask() for child in self._living))
        if any(child.status for child in self._living):
            await self._own(scope, receive, send)
        else:
            await Client(receive, send).answer(*answers.stopping(self._settings.retry_after_s))

    def status(self) -> dict[str, Any]:
        """All workers together, as they last said; `workers` is about themselves.

        `restarts` counts those that died, `replaced` those that SIGHUP had replaced.
        """
        told = [child.status for child in self._living if child.status]
        return summed(told, self._ended) | {
            "router_id": self._settings.router_id,
            "workers": {
                "wanted": len(self._listeners),
                "alive": len(self._living),
                "restarts": self._restarts,
                "replaced": self._replaced,
                "pids": {
                    str(child.number): child.pid for child in sorted(self._living, key=lambda c: c.number)
                },
            },
        }

    async def run(self, own: socket.socket) -> None:
        """Start all, keep them running, and end them when told to."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._roll_soon)
        server = Unsignalled(config_of(self, Limits(connections=_WATCHERS), lifespan=False))
        tasks: list[asyncio.Task[None]] = []
        try:
            seats = range(len(self._listeners))
            for failed in await asyncio.gather(*map(self._sit, seats), return_exceptions=True):
                if failed is not None:
                    raise failed
            tasks = [asyncio.create_task(self._keep(seat)) for seat in seats]
            tasks.append(asyncio.create_task(server.serve(sockets=[own])))
            await self._stop.wait()
        finally:
            for task in (*tasks[:-1], *([self._rolling] if self._rolling else [])):
                task.cancel()
            await self._end_all()
            server.should_exit = True
            await asyncio.gather(*tasks[-1:])

    async def _sit(self, seat: int, *, replaces: bool = False) -> None:
        """Put a new worker into a seat. Raises WorkerFailed."""
        number = next(n for n in range(1 << 16) if n not in self._numbers)
        self._numbers.add(number)
        child = await begin(number, self._listeners[seat], self._rows, self._last_good, replaces=replaces)
        self._living.add(child)
        try:
            await child.is_ready()
        except WorkerFailed:
            await self._bury(child)
            raise
        self._seats[seat] = child

    async def _keep(self, seat: int) -> None:
        """Replace the seat's worker as often as it dies."""
        loop, pause = asyncio.get_running_loop(), _FIRST_PAUSE_S
        while True:
            child, began = self._seats[seat], loop.time()
            code = await child.ended()
            await self._bury(child)
            if loop.time() - began > _SETTLED_S:
                pause = _FIRST_PAUSE_S
            async with self._changing[seat]:
                if self._seats[seat] is not child:
                    continue  # it was replaced, and has drained
                log.error("worker %d ended with %d; another begins in %g s", child.number, code, pause)
                while not await self._sits_again(seat, pause):
                    pause = min(_LONGEST_PAUSE_S, 2 * pause)
            pause = min(_LONGEST_PAUSE_S, 2 * pause)

    async def _sits_again(self, seat: int, pause_s: float) -> bool:
        self._restarts += 1
        keeps = pause_s <= _OPEN_FOR_S
        if not keeps:
            self._listeners[seat].close()
        await asyncio.sleep(pause_s)
        try:
            if not keeps:
                self._listeners[seat] = listen(self._settings.host, self._port, shared=True)
            await self._sit(seat, replaces=True)
        except (BelayError, OSError) as error:  # no port, no memory, no descriptor: there may be one later
            log.error("%s", error)  # noqa: TRY400 - the worker's own log has the rest
            return False
        return True

    def _roll_soon(self) -> None:
        if self._rolling is None or self._rolling.done():
            self._rolling = asyncio.create_task(self._roll())

    async def _roll(self) -> None:
        """Replace every worker: the new one answers before the old one is told to end, which is waited for."""
        log.info("every worker is replaced, one after the other")
        for seat in list(self._seats):
            try:
                async with self._changing[seat]:
                    old = self._seats[seat]
                    await self._sit(seat)
            except (BelayError, OSError) as error:
                log.error("the workers that are left stay as they are: %s", error)  # noqa: TRY400 - as above
                return
            await self._drain(old)
            self._replaced += 1
        log.info("every worker is replaced")

    async def _drain(self, child: Child) -> None:
        child.terminate()
        try:
            await asyncio.wait_for(child.ended(), self._settings.timeouts.shutdown_s + _GRACE_S)
        except TimeoutError:
            log.error("worker %d does not end, and is killed", child.number)  # noqa: TRY400 - nothing to trace
            child.kill()

    async def _end_all(self) -> None:
        await asyncio.gather(*map(self._drain, self._living))
        for child in list(self._living):
            await self._bury(child)

    async def _bury(self, child: Child) -> None:
        """Keep what an ended worker has counted."""
        await child.ended()
        await child.heard_out()
        if child in self._living:
            self._living.remove(child)
            self._spent.forget(child.number)
            self._numbers.discard(child.number)
            self._ended = summed([self._ended, counts_of(child.status)])
