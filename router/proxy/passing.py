"""Requests that are not interactions (`/v1/models` and the like): passed to base as they are, unrecorded."""

from __future__ import annotations

from router.proxy.counters import Counters
from router.proxy.engines import Engines
from router.proxy.settings import RouterSettings
from router.proxy.tracing import REQUEST_ID, request_id_in
from router.proxy.wire import answers
from router.proxy.wire.client import Client, Scope
from router.proxy.wire.headers import request_lines, request_target, with_line
from router.proxy.wire.upstream import Exchange, Request, UpstreamFailed
from telemetry.events import new_id


async def pass_to_base(
    scope: Scope, client: Client, body: bytes, engines: Engines, settings: RouterSettings, counters: Counters
) -> None:
    """Answer with what base answers; 503 where it does not."""
    counters.passed += 1
    method: str = scope["method"]
    name = (request_id_in(dict(scope["headers"])) or new_id()).encode()
    client.add_header(REQUEST_ID, name)
    lines = with_line(request_lines(scope["headers"], settings.dropped_headers), REQUEST_ID, name)
    request = Request(method.encode(), request_target(scope), lines, body)
    exchange = engines.ask("control", request).exchange
    client.follow(exchange)
    try:
        await exchange.start()
        await client.start(exchange.status, exchange.headers)
        await _pass_on(exchange, client)
    except UpstreamFailed as failure:
        # Once the head is out, the cut connection is all that can tell the client.
        if not client.left and not client.started:
            counters.base_down += 1
            client.unfollow()
            await client.answer(*answers.base_down(failure.reason, settings.retry_after_s))
    finally:
        client.unfollow()
        exchange.close()


async def _pass_on(exchange: Exchange, client: Client) -> None:
    last = False
    while not last:
        data = await exchange.read()
        last = exchange.complete
        if last:
            client.unfollow()
        await client.send(data, last=last)
