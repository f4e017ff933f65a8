"""Control and a router over their files alone: a rollback on one route does not touch the other."""

from __future__ import annotations

from pathlib import Path

import httpx

from router.control.actor import Control
from router.proxy.assign import unit_interval
from tests.router.proxy.fakes import BODY, CHAT, FakeEngine, Router, running, says, text_of, until
from tests.router.values import decision, spec

SQL = "acme/sql"
ANN = next(
    name
    for name in map(str, range(99))
    if max(unit_interval("pepper", name), unit_interval("salt", name)) < 0.9
)
"""Somebody who has the candidate on both routes."""


def revision(router: Router, name: str) -> int:
    return next(route for route in router.gateway.routes if route.name == name).rollout.current.revision


async def test_a_rollback_that_the_evidence_calls_for_takes_its_own_route_back_alone(tmp_path: Path) -> None:
    control = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl")
    control.start(spec((0.9,)))
    control.start(spec((0.9,), rollout_id="r2", route=SQL, salt="salt"))
    async with (
        FakeEngine(says("base")) as base,
        FakeEngine(says("candidate")) as candidate,
        FakeEngine(says("sql base")) as sql_base,
        FakeEngine(says("sql candidate")) as sql_candidate,
    ):
        arms = {
            "control": {"arm": "control", "url": sql_base.url},
            "candidate": {"arm": "candidate", "url": sql_candidate.url},
        }
        async with (
            running(tmp_path, base.url, candidate.url, routes={SQL: arms}) as router,
            httpx.AsyncClient(base_url=router.url, headers={"x-session-id": ANN}) as http,
        ):

            async def told() -> list[str]:
                return [
                    text_of(await http.post(CHAT, json=BODY | {"model": model})) for model in ("any", SQL)
                ]

            assert await told() == ["candidate", "sql candidate"]
            control.decide(decision("roll_back", "r2"))
            await until(lambda: revision(router, SQL) == 2)
            assert await told() == ["candidate", "sql base"]
            control.decide(decision("roll_back", "r1"))
            await until(lambda: revision(router, "default") == 2)
            assert await told() == ["base", "sql base"]
            kept = [(r.meta["rollout_id"], r.meta["assignment"]["arm"]) for r in router.records()]
            assert kept[2:4] == [("r1", "candidate"), ("r2", "control")]
