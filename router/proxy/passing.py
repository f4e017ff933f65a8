"""Requests that are not interactions (`/v1/embeddings` and the like): passed to base as they are, unrecorded.

Of an answer only the model's name is changed, where base's engine knows the model by another one. What tells of
base's health counts for its breaker as an interaction does.
"""

from __future__ import annotations

from typing import Final

from router.proxy.assign import digest, subject_of
from router.proxy.routes import Route
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

_AWAY: Final = frozenset({502, 503, 504})
"""What an engine, or what stands before it, says where it cannot answer; another 5xx may be one path's alone."""


async def pass_to_base(
    scope: Scope, client: Client, body: bytes, route: Route, settings: RouterSettings, *, counts: bool = True
) -> None:
    """Answer with what base answers; 503 where it does not, or is not asked for a while.

    Base's breaker hears of it, where base has one; `counts` says whether a failure opens that.
    """
    route.counters.passed += 1
    method: str = scope["method"]
    headers = dict(scope["headers"])
    name = (request_id_in(headers) or new_id()).encode()
    client.add_header(REQUEST_ID, name)
    lines = with_line(request_lines(scope["headers"], settings.dropped_headers), REQUEST_ID, name)
    request = Request(method.encode(), request_target(scope), lines, body)
    standing = route.engines.standing.get("control")
    probe = standing.admit() if standing is not None else False
    if probe is None:
        route.counters.base_down += 1
        await client.answer(*answers.base_down("breaker", settings.retry_after_s))
        return
    exchanges: list[Exchange] = []
    reason: str | None = "abandoned"

    def follow(exchange: Exchange) -> None:
        exchanges.append(exchange)
        client.follow(exchange)

    try:
        exchange, renamer, *_ = await route.engines.begin("control", request, follow)
        if renamer is None or is_stream(exchange.headers):
            told = exchange.headers if renamer is None else without_length(exchange.headers)
            await client.start(exchange.status, told)
            await _pass_on(exchange, client, renamer)
        else:
            await _pass_renamed(exchange, client, renamer, settings.max_answer_bytes)
        reason = _tells(method, scope["path"], exchange.status)
    except UpstreamFailed as failure:
        reason = failure.reason
        # Once the head is out, the cut connection is all that can tell the client.
        if not client.left and not client.started:
            route.counters.base_down += 1
            client.unfollow()
            await client.answer(*answers.base_down(failure.reason, settings.retry_after_s))
    finally:
        client.unfollow()
        for exchange in exchanges:
            exchange.close()
        if standing is not None:
            if reason is not None and not counts:
                reason = "abandoned"  # as of interactions: what opens a breaker is no stranger's to decide
            whose = _subject(headers, route, settings) if reason is not None else ""
            standing.heard(reason, whose, probe=probe)


def _tells(method: str, path: str, status: int) -> str | None:
    """What a whole answer says of its engine, in a breaker's words: that it is away, that it works (None), or nothing.

    A list of models, a count of tokens or a refusal is answered where the engine behind does nothing any more.

    >>> [_tells("POST", "/v1/embeddings", status) for status in (200, 404, 500, 503)]
    [None, 'abandoned', 'abandoned', 'status_503']
    >>> _tells("GET", "/v1/models", 200)
    'abandoned'
    """
    if status in _AWAY:
        return f"status_{status}"
    works = method == "POST" and 200 <= status < 300 and not path.endswith("/count_tokens")
    return None if works else "abandoned"


def _subject(headers: dict[bytes, bytes], route: Route, settings: RouterSettings) -> str:
    """Who has asked, as an interaction of theirs would have it."""
    found = subject_of(
        headers,
        None,
        session_header=settings.session_header.encode(),
        end_user_header=settings.end_user_header.encode(),
    )
    return digest(route.rollout.current.salt, found[0] if found is not None else new_id())


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
