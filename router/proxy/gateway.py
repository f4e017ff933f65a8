"""The gateway: a raw ASGI application in front of the two arms. A request's way begins here.

POST /v1/chat/completions, /v1/completions   assigned, answered, recorded      (router.proxy.relay)
anything else under /v1/                     passed to base, unrecorded        (router.proxy.passing)
GET  /belay/healthz                          it is alive; the rest about itself is elsewhere (router.proxy.own_address)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import MutableMapping
from typing import Any, Final

from router.proxy.about import status
from router.proxy.capture import EndpointKind, Recorder
from router.proxy.counters import Counters
from router.proxy.engines import Engines
from router.proxy.in_force import RolloutWatch
from router.proxy.own_address import ALIVE, HEALTH
from router.proxy.passing import pass_to_base
from router.proxy.relay import Relay
from router.proxy.settings import RouterSettings
from router.proxy.shadowing.shadows import Shadows
from router.proxy.shadowing.table_watch import TableWatch
from router.proxy.wire import answers
from router.proxy.wire.client import Client, ClientLeft, Receive, Scope, Send, TooDeep, TooLarge
from telemetry.spool.writer import Spool

log = logging.getLogger(__name__)

_RECORDED: Final[dict[str, EndpointKind]] = {"/v1/chat/completions": "chat", "/v1/completions": "completions"}


class Gateway:
    """The application. Opens the spool when made (SpoolError); follows the rollout file while it runs."""

    def __init__(self, settings: RouterSettings) -> None:
        self._settings = settings
        self._spool = Spool(settings.spool_folder, settings.spool_quota_bytes, sync=settings.spool_sync)
        self.counters = Counters()
        self.rollout = RolloutWatch(settings.rollout_file, default_salt=settings.router_id)
        self.table = TableWatch(settings.table_file)
        self._engines = Engines(settings)
        self._recorder = Recorder(self._spool, settings.router_id, self.counters)
        shadows = Shadows(self._engines, self.table, settings, self.counters)
        self._relay = Relay(
            settings,
            self._engines,
            shadows,
            self._recorder,
            self.counters,
            session_header=settings.session_header.encode(),
            end_user_header=settings.end_user_header.encode(),
        )
        self._following: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._lifespan(scope, receive, send)
            return
        client = Client(receive, send)
        self.counters.in_flight += 1
        try:
            await self._route(scope, client)
        except TooLarge:
            await client.answer(*answers.too_large(self._settings.limits.body_bytes))
        except TooDeep:
            await client.answer(*answers.too_deep())
        except ClientLeft:
            log.debug("a client left before its request was complete")
        except Exception:
            log.exception("a request to %s could not be handled", scope["path"])
            if client.started:  # the server closes the connection, which is all that can tell the client
                raise
            await client.answer(*answers.our_mistake())
        finally:
            self.counters.in_flight -= 1

    async def _route(self, scope: Scope, client: Client) -> None:
        path: str = scope["path"]
        kind = _RECORDED.get(path)
        if kind is not None and scope["method"] == "POST":
            await self._relay.answer(scope, client, kind, self.rollout.current)
        elif path.startswith("/v1/"):
            await pass_to_base(scope, client, self._engines, self._settings, self.counters)
        else:
            await client.answer(*(ALIVE if path == HEALTH else answers.not_found(path)))

    def status(self) -> dict[str, Any]:
        """What GET /belay/status says, at the router's own address."""
        return status(
            self._settings.router_id,
            self.rollout.current,
            self.table,
            self.counters,
            self._spool.dropped,
            self.rollout.unreadable,
        )

    async def _lifespan(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return  # a websocket; the server closes it
        await receive()
        self._following = [asyncio.create_task(f) for f in (self.rollout.follow(), self.table.follow())]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _stop(self) -> None:
        # Requests that the server has just cancelled write their records first.
        await asyncio.sleep(0)
        for following in self._following:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
        await self._recorder.close()
        self._engines.close()
