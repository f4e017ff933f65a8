"""The rules of the online path, on real sockets: bytes pass unchanged, and each to the arm in force."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from telemetry.rollout_file import write_rollout
from telemetry.spool.losses import LOST, Ledger, Loss
from tests.router.proxy.fakes import (
    BASE_TEXT,
    BODY,
    CANDIDATE_TEXT,
    CHAT,
    FakeEngine,
    answers,
    completion,
    never,
    reply,
    rolling,
    running,
    says,
    text_of,
    until,
)
from tests.router.values import rolled_back, with_share

# --- transparency ------------------------------------------------------------------------------------


async def test_body_status_and_headers_pass_unchanged_both_ways(tmp_path: Path) -> None:
    async with rolling(tmp_path, says(CANDIDATE_TEXT)) as (_, _, engine, http):
        sent = b'{ "model":"m",  "messages": [] , "\\u00fcber": 1 }'
        answer = await http.post(
            CHAT + "?a=b%20c", content=sent, headers={"x-mine": "1", "authorization": "Bearer k"}
        )
        (asked,) = engine.asked
        assert (asked.target, asked.body) == (CHAT + "?a=b%20c", sent)
        assert (asked.headers["x-mine"], asked.headers["authorization"]) == ("1", "Bearer k")
        assert answer.content == json.dumps(completion(CANDIDATE_TEXT), separators=(",", ":")).encode()
        assert answer.headers["x-engine"] == "yes"
        assert (answer.headers["x-belay-arm"], answer.headers["x-belay-stage"]) == ("candidate", "0")
        assert "server" not in answer.headers


async def test_headers_that_connection_names_stay_behind(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x")) as (_, _, engine, http):
        headers = {"connection": "keep-alive, X-Hop", "x-hop": "1", "x-mine": "2"}
        await http.post(CHAT, json=BODY, headers=headers)
        assert "x-hop" not in engine.asked[0].headers
        assert engine.asked[0].headers["x-mine"] == "2"


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"expose_arm": False}, ["x-belay-interaction"]),
        ({"expose_headers": False}, []),
        ({"expose_headers": False, "expose_arm": True}, []),
    ],
)
async def test_a_client_is_not_told_its_arm_unless_the_settings_say_so(
    tmp_path: Path, told: dict[str, bool], named: list[str]
) -> None:
    async with rolling(tmp_path, says("x"), **told) as (_, _, _, http):
        answer = await http.post(CHAT, json=BODY)
        assert [name for name in answer.headers if name.startswith("x-belay")] == named


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["base asked", "candidate asked"])
@pytest.mark.parametrize("status", [302, 400, 401, 404, 422, 429])
async def test_an_error_of_the_request_is_bases_to_tell(tmp_path: Path, status: int, share: float) -> None:
    told = reply(status, b'{"error":{"message":"no"}}', "content-type: application/json", "x-why: because")
    other = answers(reply(status, b"the candidate's words"))
    async with rolling(tmp_path, other, answers(told), share=share) as (router, base, _, http):
        answer = await http.post(CHAT, json=BODY)
        assert (answer.status_code, answer.json(), answer.headers["x-why"]) == (
            status,
            {"error": {"message": "no"}},
            "because",
        )
        assert len(base.asked) == 1
        (record,) = router.records()
        assert record.meta["answer"]["status"] == status
        assert record.meta["fallback"] == (f"status_{status}" if share else None)


async def test_a_5xx_of_base_passes_unchanged(tmp_path: Path) -> None:
    broken = answers(reply(500, b"oh no"))
    async with rolling(tmp_path, says("x"), broken, share=0.0) as (_, _, _, http):
        answer = await http.post(CHAT, json=BODY)
        assert (answer.status_code, answer.content) == (500, b"oh no")


async def test_other_paths_pass_to_base_unrecorded(tmp_path: Path) -> None:
    models = answers(reply(200, b'{"object":"list"}', "content-type: application/json"))
    async with rolling(tmp_path, says("x"), models) as (router, base, other, http):
        assert (await http.get("/v1/models")).json() == {"object": "list"}
        assert (await http.post("/v1/score", content=b"abc")).status_code == 200
        assert (await http.head("/v1/models")).status_code == 200
        assert [asked.method for asked in base.asked] == ["GET", "POST", "HEAD"]
        assert other.asked == []
        assert router.records() == []
        assert (await http.get("/elsewhere")).status_code == 404


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_what_is_passed_on_has_the_name_that_the_client_used(tmp_path: Path, kind: str) -> None:
    told = b'data: {"object":"list","model":"base-weights"}\n\n'
    engine = answers(reply(200, told, f"content-type: {kind}"))
    async with rolling(tmp_path, never, engine, control_model="base-weights") as (_, base, _, http):
        answer = await http.post("/v1/embeddings", json={"input": "a", "model": "m"})
        assert base.asked[0].json()["model"] == "base-weights"
        assert answer.content == told.replace(b"base-weights", b"m")


async def test_an_answer_without_end_is_not_kept_to_be_renamed(tmp_path: Path) -> None:
    engine = answers(reply(200, b"x" * 5_000, "content-type: application/json"))
    settings = {"control_model": "base-weights", "max_answer_bytes": 4_000}
    async with rolling(tmp_path, never, engine, **settings) as (_, _, _, http):
        answer = await http.post("/v1/embeddings", json={"input": "a", "model": "m"})
        assert (answer.status_code, "too_long" in answer.text) == (503, True)


async def test_200_requests_at_once_each_get_their_own_answer_and_record(tmp_path: Path) -> None:
    async def echo(asked: Any, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(reply(200, asked.body, "content-type: application/json"))

    async with rolling(tmp_path, echo, echo, share=0.5) as (router, base, other, _):
        async with aiohttp.ClientSession(router.url, connector=aiohttp.TCPConnector(limit=200)) as http:

            async def one(number: int) -> bool:
                body = BODY | {"n": number}
                async with http.post(CHAT, json=body, headers={"x-session-id": f"s{number}"}) as answer:
                    return bool(await answer.json() == body)

            assert all(await asyncio.gather(*(one(number) for number in range(200))))
        records = router.records()
        assert len({record.meta["event_id"] for record in records}) == 200
        assert all(record.request_body == record.response_body for record in records)
        assert len(base.asked) + len(other.asked) == 200
        assert len(other.asked) == sum(record.meta["assignment"]["arm"] == "candidate" for record in records)
        assert 60 < len(other.asked) < 140


# --- what is in force --------------------------------------------------------------------------------


async def test_without_a_rollout_everybody_is_on_base_and_still_recorded(tmp_path: Path) -> None:
    async with (
        FakeEngine(says(BASE_TEXT)) as base,
        FakeEngine(never) as other,
        running(tmp_path, base.url, other.url) as router,
        httpx.AsyncClient(base_url=router.url) as http,
    ):
        assert text_of(await http.post(CHAT, json=BODY)) == BASE_TEXT
        (record,) = router.records()
        assert record.meta["rollout_id"] == "none"
        assert record.meta["assignment"]["arm"] == "control"


async def test_a_rollback_takes_effect_for_the_next_request(tmp_path: Path) -> None:
    async with rolling(tmp_path, says(CANDIDATE_TEXT)) as (router, _, _, http):
        assert text_of(await http.post(CHAT, json=BODY)) == CANDIDATE_TEXT
        write_rollout(tmp_path / "rollout.json", rolled_back(with_share(1.0)))
        await until(lambda: router.route.rollout.current.revision == 2)
        assert text_of(await http.post(CHAT, json=BODY)) == BASE_TEXT
        assert [record.meta["assignment"]["revision"] for record in router.records()] == [1, 2]


# --- about itself ------------------------------------------------------------------------------------


async def test_the_router_tells_how_it_is(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x")) as (router, _, _, http):
        await http.post(CHAT, json=BODY)
        assert (await http.get("/belay/healthz")).json() == {"status": "ok"}
        status = (await router.own.get("/belay/status")).json()
        assert status["applied_at_ns"] == router.route.rollout.current.applied_at_ns
        expected = {
            "router_id": "router-7",
            "rollout_id": "r1",
            "rollout": "ramping",
            "revision": 1,
            "stage": 0,
            "share": 1.0,
            "requests": {"control": 0, "candidate": 1},
            "fallbacks": 0,
            "recorded": 1,
            "unrecorded": 0,
            "in_flight": 0,
            "overloaded": 0,
        }
        assert {name: status[name] for name in expected} == expected
        metrics = await router.own.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'belay_requests_total{arm="candidate",route="default"} 1.0\n' in metrics.text
        assert 'belay_rollout_share{route="default"} 1.0\n' in metrics.text


async def test_what_the_forwarder_found_missing_in_the_spool_is_told(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x")) as (router, _, _, _):
        assert (await router.own.get("/belay/status")).json()["lost"] == 0
        ledger = Ledger(router.spool / LOST)
        ledger.add(Loss(records=3, first=7, last=9, segment=0, until=0, what="cut", time="now"))
        ledger.save()
        assert (await router.own.get("/belay/status")).json()["lost"] == 3
        assert "belay_spool_lost_total 3.0\n" in (await router.own.get("/metrics")).text


@pytest.mark.parametrize("path", ["/belay/status", "/metrics", "/belay"])
async def test_clients_are_not_told_how_it_is(tmp_path: Path, path: str) -> None:
    async with rolling(tmp_path, says("x")) as (router, _, _, http):
        assert (await http.get(path)).status_code == 404
        assert (await router.own.get("/belay/healthz")).json() == {"status": "ok"}
        assert (await router.own.get("/v1/models")).status_code == 404
