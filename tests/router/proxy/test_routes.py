"""Many models, one front: the model that a request asks for chooses its engines and its rollout."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from telemetry.rollout_file import file_of, write_rollout
from tests.router.proxy.fakes import (
    BODY,
    CHAT,
    FakeEngine,
    Router,
    answers,
    never,
    reply,
    running,
    says,
    text_of,
    until,
)
from tests.router.values import rolled_back, with_share

BOTH = ("acme/support", "sql")
ID_OF = {"acme/support": "of-support", "sql": "of-sql"}


@contextlib.asynccontextmanager
async def two_routes(
    folder: Path, default: str | None = "default control", **changes: Any
) -> AsyncIterator[tuple[Router, httpx.AsyncClient]]:
    """A router with two routes, a rollout at 100% on each, and the default route without one."""
    async with contextlib.AsyncExitStack() as stack:

        async def engine(text: str) -> str:
            return (await stack.enter_async_context(FakeEngine(says(text)))).url

        routes = {}
        for name in BOTH:
            write_rollout(
                file_of(folder / "rollout.json", name),
                with_share(1.0, rollout_id=ID_OF[name], route=name, salt=name),
            )
            routes[name] = {
                arm: {"arm": arm, "url": await engine(f"{name} {arm}")} for arm in ("control", "candidate")
            }
        base = await engine(default) if default is not None else None
        router = await stack.enter_async_context(running(folder, base, base, routes=routes, **changes))
        yield router, await stack.enter_async_context(httpx.AsyncClient(base_url=router.url, timeout=10))


async def told(http: httpx.AsyncClient, model: str | None) -> str:
    body = BODY | {"model": model} if model else {"messages": []}
    return text_of(await http.post(CHAT, json=body, headers={"x-session-id": "ann"}))


async def test_the_model_chooses_the_engines_and_the_rollout(tmp_path: Path) -> None:
    async with two_routes(tmp_path) as (router, http):
        assert [await told(http, name) for name in BOTH] == ["acme/support candidate", "sql candidate"]
        records = router.records()
        assert [record.meta["rollout_id"] for record in records] == ["of-support", "of-sql"]
        # Each rollout has its own salt, so nobody is joined over two routes.
        assert len({record.meta["assignment"]["subject"] for record in records}) == 2


@pytest.mark.parametrize("model", ["another", None])
async def test_what_names_no_route_goes_to_the_default_route(tmp_path: Path, model: str | None) -> None:
    async with two_routes(tmp_path) as (router, http):
        assert await told(http, model) == "default control"
        assert router.records()[0].meta["rollout_id"] == "none"


async def test_without_a_default_route_an_unknown_model_is_openais_404(tmp_path: Path) -> None:
    async with two_routes(tmp_path, None) as (router, http):
        client = openai.AsyncOpenAI(base_url=f"{router.url}/v1", api_key="k", max_retries=0)
        with pytest.raises(openai.NotFoundError) as caught:
            await client.chat.completions.create(model="gpt-9", messages=[])
        assert (caught.value.code, caught.value.type) == ("model_not_found", "invalid_request_error")
        assert "`gpt-9` does not exist" in caught.value.message
        await client.close()
        assert (await http.post(CHAT, json={"messages": []})).json()["error"]["code"] == "model_not_found"
        assert (await http.get("/v1/score")).status_code == 404
        assert router.gateway.status()["unrouted"] == 3
        assert router.records() == []


async def test_a_rollback_on_one_route_leaves_the_other_where_it_is(tmp_path: Path) -> None:
    async with two_routes(tmp_path) as (router, http):
        support, sql = (route for route in router.gateway.routes if route.name in BOTH)
        file = file_of(tmp_path / "rollout.json", support.name)
        write_rollout(
            file, rolled_back(with_share(1.0, rollout_id="of-support", route=support.name, salt="s"))
        )
        await until(lambda: support.rollout.current.revision == 2)
        assert [await told(http, name) for name in BOTH] == ["acme/support control", "sql candidate"]
        assert sql.rollout.current.revision == 1


async def test_a_route_whose_engines_are_away_costs_no_other_route(tmp_path: Path) -> None:
    dead = {arm: {"arm": arm, "url": "http://127.0.0.1:1"} for arm in ("control", "candidate")}
    async with FakeEngine(says("alive")) as engine:
        alive = {arm: {"arm": arm, "url": engine.url} for arm in dead}
        async with (
            running(tmp_path, None, None, routes={"a": dead, "b": alive}) as router,
            httpx.AsyncClient(base_url=router.url) as http,
        ):
            assert (await http.post(CHAT, json=BODY | {"model": "a"})).status_code == 503
            assert await told(http, "b") == "alive"
            assert {route.name: route.counters.base_down for route in router.gateway.routes} == {
                "a": 1,
                "b": 0,
            }


async def test_models_lists_what_is_public(tmp_path: Path) -> None:
    async with two_routes(tmp_path) as (router, http):
        client = openai.AsyncOpenAI(base_url=f"{router.url}/v1", api_key="k")
        assert [model.id async for model in client.models.list()] == list(BOTH)
        assert (await client.models.retrieve("acme/support")).object == "model"
        await client.close()
        # What the list does not have may be the default route's.
        answer = await http.get("/v1/models/another")
        assert text_of(answer) == "default control"


async def test_other_paths_go_where_their_model_is(tmp_path: Path) -> None:
    async with two_routes(tmp_path) as (router, http):
        answer = await http.post("/v1/embeddings", json={"input": "a", "model": "sql"})
        assert text_of(answer) == "sql control"
        assert text_of(await http.get("/v1/score")) == "default control"
        assert {route.name: route.counters.passed for route in router.gateway.routes} == {
            "default": 1,
            "acme/support": 0,
            "sql": 1,
        }


async def test_a_browsers_question_whether_it_may_ask_names_no_model_and_is_answered(tmp_path: Path) -> None:
    async with two_routes(tmp_path, default=None) as (router, http):
        asking = {"origin": "https://app.example", "access-control-request-method": "POST"}
        assert text_of(await http.options(CHAT, headers=asking)) == "acme/support control"
        assert router.gateway.routes.unrouted == 0


async def test_two_names_may_be_one_engine(tmp_path: Path) -> None:
    """Base and candidate as a vLLM with adapters has them: each arm under the engine's own name for it."""

    async def echo(asked: Any, writer: Any) -> None:
        writer.write(reply(200, asked.body, "content-type: application/json"))

    write_rollout(tmp_path / "r.json", with_share(1.0, route="support"))
    async with FakeEngine(echo) as engine:
        arms = {
            arm: {"arm": arm, "url": engine.url, "model": f"{arm}-weights"}
            for arm in ("control", "candidate")
        }
        routes = {"support": arms | {"rollout_file": tmp_path / "r.json"}}
        async with (
            running(tmp_path, None, None, routes=routes) as router,
            httpx.AsyncClient(base_url=router.url) as http,
        ):
            answer = await http.post(CHAT, json=BODY | {"model": "support"})
            assert answer.json()["model"] == "support"
            assert engine.asked[0].json()["model"] == "candidate-weights"


async def test_the_router_tells_how_each_route_is(tmp_path: Path) -> None:
    async with two_routes(tmp_path) as (router, http):
        await told(http, "sql")
        status = (await router.own.get("/belay/status")).json()
        assert {name: told["rollout_id"] for name, told in status["routes"].items()} == {
            "default": "none",
            "acme/support": "of-support",
            "sql": "of-sql",
        }
        assert status["routes"]["sql"]["requests"] == {"control": 0, "candidate": 1}
        assert status["requests"] == status["routes"]["default"]["requests"]
        metrics = (await router.own.get("/metrics")).text
        assert 'belay_requests_total{arm="candidate",route="sql"} 1.0\n' in metrics
        assert 'belay_rollout_share{route="default"} 0.0\n' in metrics


async def test_one_route_alone_takes_every_name_without_a_look_at_it(tmp_path: Path) -> None:
    async with (
        FakeEngine(answers(reply(200, b"{}"))) as base,
        FakeEngine(never) as other,
        running(tmp_path, base.url, other.url) as router,
        httpx.AsyncClient(base_url=router.url) as http,
    ):
        deep = b'{"x":1,"model":' + b"[" * 100_000
        assert (await http.post(CHAT, content=deep)).status_code == 200
        assert len(base.asked) == 1
