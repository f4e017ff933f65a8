"""The gateway: a raw ASGI application in front of the engines. A request's way begins here.

The model that a request asks for chooses its route (router.proxy.routes), and then:

POST /v1/chat/completions, /v1/completions   assigned, answered, recorded      (router.proxy.relay)
GET  /v1/models                              what is public, where there are routes  (router.proxy.public_models)
anything else that clients may ask           passed to base, unrecorded        (router.proxy.passing)
GET  /belay/healthz                          it is alive; the rest about itself is elsewhere (router.proxy.own_address)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import MutableMapping
from typing import Any, Final

from router.proxy.about import status
from router.proxy.capture import EndpointKind
from router.proxy.keys.keys import Admitted, Keys
from router.proxy.keys.rows import Rows
from router.proxy.last_good import LastGood
from router.proxy.load import Load
from router.proxy.own_address import ALIVE, HEALTH
from router.proxy.passing import pass_to_base
from router.proxy.paths import Paths
from router.proxy.public_models import listed
from router.proxy.routes import NoRoute, Routes
from router.proxy.settings import RouterSettings
from router.proxy.wire import answers
from router.proxy.wire.client import Client, ClientLeft, Receive, Scope, Send, TooDeep, TooLarge
from router.proxy.wire.headers import raw_path
from telemetry.spool.losses import LOST, Ledger
from telemetry.spool.writer import Spool

log = logging.getLogger(__name__)

_RECORDED: Final[dict[str, EndpointKind]] = {"/v1/chat/completions": "chat", "/v1/completions": "completions"}


class Gateway:
    """The application. Opens the spool when made (SpoolError); follows the rollout files while it runs.

    `rows` is where keys' limits are counted, where others count there too; `last_good` has keys for want of a file.
    """

    def __init__(
        self, settings: RouterSettings, rows: Rows | None = None, last_good: LastGood | None = None
    ) -> None:
        self._settings = settings
        self._spool = Spool(settings.spool_folder, settings.spool_quota_bytes, sync=settings.spool_sync)
        self.load = Load(settings.in_flight, settings.shadows_until)
        self.routes = Routes(settings, self._spool, self.load)
        self._paths = Paths(settings.paths)
        self._since = int(time.time())
        self._keys = (
            Keys(settings.keys_file, settings.api_key_env, rows=rows, last_good=last_good)
            if settings.wants_keys
            else None
        )
        self._following: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._lifespan(scope, receive, send)
            return
        client = Client(receive, send)
        self.load.in_flight += 1
        try:
            self._check_load(scope)
            if self._keys is None:
                await self._route(scope, client)
            else:
                await self._let_in(self._keys, scope, client)
        except answers.Refused as refused:
            await client.answer(*refused.answer)
        except TooLarge:
            await client.answer(*answers.too_large(self._settings.limits.body_bytes))
        except TooDeep:
            await client.answer(*answers.too_deep())
        except NoRoute as unknown:
            await client.answer(*answers.no_such_model(unknown.model))
        except ClientLeft:
            log.debug("a client left before its request was complete")
        except Exception:
            log.exception("a request to %s could not be handled", scope["path"])
            if client.started:  # the server closes the connection, which is all that can tell the client
                raise
            await client.answer(*answers.our_mistake())
        finally:
            self.load.in_flight -= 1

    def _check_load(self, scope: Scope) -> None:
        if scope["path"] != HEALTH and self.load.is_too_much():
            raise answers.Refused(answers.overloaded(self._settings.retry_after_s))

    async def _let_in(self, keys: Keys, scope: Scope, client: Client) -> None:
        if scope["path"] == HEALTH or _asks_whether_it_may(scope):
            await self._route(scope, client)
            return
        admitted = keys.admit(scope["headers"])
        client.extra, client.meter = admitted.headers or None, admitted.meter
        try:
            await self._route(scope, client, admitted)
        finally:
            admitted.end()

    async def _route(self, scope: Scope, client: Client, admitted: Admitted | None = None) -> None:
        path: str = scope["path"]
        method: str = scope["method"]
        public = self.routes.public if admitted is None else admitted.among(self.routes.public)
        models = listed(method, path, public, self._since)
        if models is not None:  # before its path is looked at: a public name may have an encoded slash
            await client.answer(*models)
            return
        refusal = self._paths.refusal(raw_path(scope))
        if refusal is not None:
            await client.answer(*(ALIVE if path == HEALTH else refusal))
            return
        body = await client.body(self._settings.limits.body_bytes)
        route = self.routes.first if _asks_whether_it_may(scope) else self.routes.of(body)
        if admitted is not None:
            admitted.check(route.name)
        kind = _RECORDED.get(path) if method == "POST" else None
        counts = admitted is None or admitted.counts
        if kind is not None:
            key = None if admitted is None else admitted.key
            await route.relay.answer(scope, client, body, kind, route.rollout.current, counts=counts, key=key)
        else:
            await pass_to_base(scope, client, body, route, self._settings, counts=counts)

    def status(self) -> dict[str, Any]:
        """What GET /belay/status says, at the router's own address."""
        # The forwarder finds what is missing, and writes it down beside the segments.
        lost = Ledger(self._settings.spool_folder / LOST).records
        denied = dict(self._keys.denied) if self._keys is not None else {}
        return {
            **status(self._settings.router_id, self.routes, self.load, self._spool.dropped, lost),
            "spool_quota_bytes": self._settings.spool_quota_bytes,
            "needs_key": self._keys is not None,
            "denied": denied,
        }

    async def _lifespan(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return  # a websocket; the server closes it
        await receive()
        self._following = [
            asyncio.create_task(follow())
            for route in self.routes
            for follow in (
                route.rollout.follow,
                route.table.follow,
                *(checks.follow for checks in route.engines.checks),
            )
        ]
        if self._keys is not None:
            self._following.append(asyncio.create_task(self._keys.follow()))
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
        for route in self.routes:
            await route.close()
        self._spool.close()


def _asks_whether_it_may(scope: Scope) -> bool:
    """Browsers do, and send no key with that, nor a body (https://fetch.spec.whatwg.org/#cors-preflight-fetch)."""
    if scope["method"] != "OPTIONS":
        return False
    headers = dict(scope["headers"])
    return headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers
