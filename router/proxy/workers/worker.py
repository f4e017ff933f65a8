"""One of several workers: a router as ever, on a listener and with a channel that it was given.

Over the channel it says, a JSON object a line: that it is ready, or why it cannot be (`failed`); its status whenever
it is asked, and once more when it ends. A channel that ends is a supervisor that has died: the worker drains.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from router.proxy.gateway import Gateway
from router.proxy.keys.rows import Rows, Shared
from router.proxy.last_good import SETTINGS, TLS, LastGood
from router.proxy.settings import RouterSettings
from router.proxy.wire.client import Receive, Scope, Send
from serving.server import serve
from telemetry.errors import BelayError, SettingsError
from telemetry.settings import load_settings
from telemetry.spool.folder import worker_folder

log = logging.getLogger(__name__)

READY: Final = "ready"
FAILED: Final = "failed"
STATUS: Final = "status"
QUESTION: Final = b"?\n"
_VARIABLE: Final = "BELAY_ROUTER_WORKER"


class Place(NamedTuple):
    """What a worker is given: its number, and the descriptors of its channel, its listener and its keys' rows.

    `last_good` is the descriptor of what files said when they could be used, `replaces` 1 for one that takes the place
    of a worker that died, and begins with that where it has to.
    """

    number: int
    channel: int
    listener: int
    rows: int = -1
    last_good: int = -1
    replaces: int = 0

    @classmethod
    def given(cls) -> Self | None:
        """This process's place; None where it is no worker. Its own children are none either."""
        place = cls.seen()
        os.environ.pop(_VARIABLE, None)
        return place

    @classmethod
    def seen(cls) -> Self | None:
        """The same, and it stays to be given."""
        said = os.environ.get(_VARIABLE)
        return cls(*map(int, said.split())) if said else None

    def good(self) -> LastGood | None:
        """What this worker may begin with, and keeps for others; None under a supervisor that has no such file."""
        return LastGood(self.last_good, needed=bool(self.replaces)) if self.last_good >= 0 else None

    def environment(self) -> dict[str, str]:
        """What tells a child that it has this place."""
        return {**os.environ, _VARIABLE: " ".join(map(str, self))}


def settings_in(file: Path) -> RouterSettings:
    """The settings in the file; where they cannot be used, the last good ones for who takes a dead worker's place.

    Raises SettingsError.
    """
    try:
        return load_settings(file, RouterSettings)
    except SettingsError as error:
        place = Place.seen()
        good = place.good() if place is not None else None
        kept = good.text(SETTINGS) if good is not None else None
        if kept is None:
            raise
        log.error("this worker begins with the settings that were good before: %s", error)  # noqa: TRY400 - all is said
        return RouterSettings.model_validate_json(kept)


def settings_of(number: int, settings: RouterSettings) -> RouterSettings:
    """What a worker runs with: a name, a spool and a part of the quota of its own, and everybody's salt."""
    return settings.model_copy(
        update={
            "router_id": f"{settings.router_id}-{number}",
            "default_salt": settings.default_salt or settings.router_id,
            "spool_folder": worker_folder(settings.spool_folder, number),
            "spool_quota_bytes": max(1, settings.spool_quota_bytes // settings.workers),
        }
    )


def work(settings: RouterSettings, place: Place) -> None:
    """Serve until SIGTERM, or until the supervisor has died. Raises what a router raises, and tells it before."""
    good, given = place.good(), settings.model_dump_json()
    settings = settings_of(place.number, settings)
    with socket.socket(fileno=place.channel) as channel, socket.socket(fileno=place.listener) as listener:
        try:
            rows = Shared.of(place.rows, place.number) if place.rows >= 0 else None
            gateway = _Telling(settings, channel, rows, good)
            if good is not None:
                good.keep(SETTINGS, given)
        except BelayError as error:
            channel.sendall(_line({FAILED: str(error)}))
            raise
        serve(
            gateway,
            listener,
            settings.timeouts.shutdown_s,
            settings.limits,
            tls=settings.tls,
            good=None if good is None else good.of(TLS),
        )


class _Telling(Gateway):
    """A gateway that answers its supervisor while it runs."""

    def __init__(
        self, settings: RouterSettings, channel: socket.socket, rows: Rows | None, good: LastGood | None
    ) -> None:
        super().__init__(settings, rows, good)
        self._channel = channel

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        telling: list[asyncio.Task[None]] = []

        async def begins(message: MutableMapping[str, Any]) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                telling.append(asyncio.create_task(self._tell()))

        await super()._lifespan(scope, receive, begins)
        for task in telling:
            task.cancel()
        self._channel.setblocking(True)
        self._channel.sendall(_line({STATUS: self.status()}))

    async def _tell(self) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=self._channel.dup())
        try:
            writer.write(_line({READY: True, STATUS: self.status()}))
            while await reader.readline():
                writer.write(_line({STATUS: self.status()}))
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            writer.close()


def _line(said: dict[str, Any]) -> bytes:
    return json.dumps(said).encode() + b"\n"
