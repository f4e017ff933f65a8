"""`belay status` shows every route that the router tells of, and what of its arms is not asked."""

from __future__ import annotations

from typing import Any

from belay.launcher.routes_shown import Step, away_in, other_routes


def route(**changes: Any) -> dict[str, Any]:
    asked = {"control": 1_200, "candidate": 300}
    found = {"rollout_id": "sql-2", "rollout": "ramping", "revision": 3, "share": 0.25, "requests": asked,
             "fallbacks": 4, "shadows": 12, "breakers": {"candidate": "closed"}, "replicas": {}}  # fmt: skip
    return found | changes


def test_each_other_route_has_its_rollout_and_its_counts() -> None:
    idle = route(revision=0, rollout_id="none", rollout="none", share=0.0)
    told = other_routes({"routes": {"default": route(), "acme/sql": route(), "acme/idle": idle}})
    answers = "base 1,200, candidate 300, of those 4 by base; shadows 12"
    assert told == [
        Step("route acme/sql", f"sql-2 ramping at 25%; {answers}"),
        Step("route acme/idle", f"no rollout; {answers}"),
    ]


def test_a_router_that_does_not_answer_tells_of_no_route() -> None:
    assert other_routes({}) == []


def test_it_waits_for_arms_and_replicas_that_are_not_asked() -> None:
    replicas = {"control": {"a:8000": {"ejected": 1}, "b:8000": {"ejected": 0}, "gone:80": {"asked": 7}}}
    assert away_in(route(breakers={"candidate": "open"}, replicas=replicas)) == (
        "candidate, which keeps failing, replica a:8000 of base"
    )
    assert away_in(route()) == ""
