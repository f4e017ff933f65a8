"""Requests that are not interactions (`/v1/embeddings` and the like): passed to base as they are, unrecorded.

Of an answer only the model's name is changed, where base's engine knows the model by another one.
"""

from __future__ import annotations

from router.proxy.counters import Counters
from router.proxy.engines import Engines
from router.proxy.settings import RouterSettings
from router.proxy.tracing import REQUEST_ID, request_id_in
from router.proxy.wire import answers
from router.proxy.wire.asking import Request, UpstreamFailed
from router.proxy.wire.client import Client, Scope
from router.proxy.wire.exchange import Exchange
from router.proxy.wire.headers import is_stream, request_lines, request_target, with_line
from router.proxy.wire.lines import Lines
from router.proxy.wire.model_name import Renamer, with_length, without_length
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
    exchanges: list[Exchange] = []

    def follow(exchange: Exchange) -> None:
        exchanges.append(exchange)
        client.follow(exchange)

    try:
        exchange, renamer, *_ = await engines.begin("control", request, follow)
        if renamer is None or is_stream(exchange.headers):
            headers = exchange.headers if renamer is None else without_length(exchange.headers)
            await client.start(exchange.status, headers)
            await _pass_on(exchange, client, renamer)
        else:
            await _pass_renamed(exchange, client, renamer, settings.max_answer_bytes)
    except UpstreamFailed as failure:
        # Once the head is out, the cut connection is all that can tell the client.
        if not client.left and not client.started:
            counters.base_down += 1
            client.unfollow()
            await client.answer(*answers.base_down(failure.reason, settings.retry_after_s))
    finally:
        client.unfollow()
        for exchange in exchanges:
            exchange.close()


async def _pass_renamed(exchange: Exchange, client: Client, renamer: Renamer, most: int) -> None:
    """Pass an answer on as a whole, whose length changes with the model's name."""
    chunks: list[bytes] = []
    await exchange.read_all(chunks, most)
    body = renamer.whole(b"".join(chunks))
    client.unfollow()
    await client.start(exchange.status, with_length(exchange.headers, len(body)))
    await client.send(body, last=True)


async def _pass_on(exchange: Exchange, client: Client, renamer: Renamer | None) -> None:
    lines, last = Lines(), False
    while not last:
        data = await exchange.read()
        last = exchange.complete
        if renamer is not None:
            data = renamer.whole(lines.part(data, last=last))
        if last:
            client.unfollow()
        await client.send(data, last=last)
