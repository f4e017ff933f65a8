"""Beyond a bound a request is told so at once, and what nobody waits for is given up before."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from router.proxy.load import Load
from tests.router.proxy.fakes import BODY, CHAT, never, rolling, says, until


def test_shadows_have_no_room_before_requests_have_none() -> None:
    load = Load(10, 0.8)
    borne, refused = [], []
    for load.in_flight in range(13):
        borne.append(load.bears_shadows())
        refused.append(load.is_too_much())
    assert (borne.index(False), refused.index(True), load.overloaded) == (9, 11, 2)


async def test_one_request_too_many_is_a_503_at_once_and_health_still_answers(tmp_path: Path) -> None:
    async with rolling(tmp_path, never, in_flight=2) as (router, _, engine, http):
        waiting = [asyncio.create_task(http.post(CHAT, json=BODY)) for _ in range(2)]
        await until(lambda: len(engine.asked) == 2)
        answer = await http.post(CHAT, json=BODY)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"]["type"] == "ServiceUnavailableError"
        assert (await http.get("/belay/healthz")).status_code == 200
        assert (await router.own.get("/belay/status")).json()["overloaded"] == 1
        assert b"belay_overloaded_total 1.0" in (await router.own.get("/metrics")).content
        assert len(engine.asked) == 2
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await until(lambda: router.gateway.load.in_flight == 0)
        engine.behave = says("x")
        again: httpx.Response = await http.post(CHAT, json=BODY)
        assert again.status_code == 200


async def test_shadows_are_given_up_under_load_and_counted(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), shadow=1.0, in_flight=8, shadows_until=0.0) as (
        router,
        base,
        _,
        http,
    ):
        assert (await http.post(CHAT, json=BODY)).status_code == 200
        await until(router.records)
        assert router.records()[0].meta["draw"]["drawn"] is False
        assert base.asked == []
        assert (await router.own.get("/belay/status")).json()["shadows_skipped"] == 1
