"""What the router says of itself. `router.proxy.metrics` says it to Prometheus."""

from __future__ import annotations

from typing import Any

from router.proxy.engines import Engines
from router.proxy.in_force import InForce
from router.proxy.load import Load
from router.proxy.routes import Route, Routes
from router.proxy.shadowing.table_watch import TableWatch


def shadow_draw(now: InForce, table: TableWatch) -> str:
    """How it is settled who gets a shadow, in words."""
    if now.shadow <= 0.0:
        return "none are drawn"
    if table.current is None:
        return f"evenly: no word table ({table.why_none})"
    if not now.fractions:
        return "evenly: the rollout has no allotment yet"
    return "by capability"


def status(router_id: str, routes: Routes, load: Load, dropped: int, lost: int) -> dict[str, Any]:
    """The router at this moment, for GET /belay/status; the default route's figures are at the top too.

    `dropped` are records that the spool's quota has cost, `lost` those that its forwarder found missing otherwise; both
    over the spool's life.
    """
    told = {route.name: of_route(route) for route in routes}
    return {
        **(told[routes.default.name] if routes.default is not None else {}),
        "router_id": router_id,
        "in_flight": load.in_flight,
        "overloaded": load.overloaded,
        "dropped": dropped,
        "lost": lost,
        "unrouted": routes.unrouted,
        "routes": told,
    }


def of_route(route: Route) -> dict[str, Any]:
    """One route at this moment. `rollout_file_unreadable` counts rollout files that could not be read."""
    now, table, counters = route.rollout.current, route.table, route.counters
    return {
        "rollout_id": now.rollout_id,
        "rollout": now.status,
        "revision": now.revision,
        "stage": now.stage,
        "share": now.share,
        "shadow": now.shadow,
        "shadow_draw": shadow_draw(now, table),
        "shadow_fractions": dict(now.fractions),
        "shadow_otherwise": now.otherwise,
        "word_table": table.current.version if table.current is not None else None,
        "applied_at_ns": now.applied_at_ns,
        "requests": {arm: counters.requests[arm] for arm in ("control", "candidate")},
        "fallbacks": counters.fallbacks.total(),
        "fallback_reasons": dict(counters.fallbacks),
        "wrong_model": {arm: counters.wrong_model[arm] for arm in ("control", "candidate")},
        **_of_engines(route.engines),
        "base_down": counters.base_down,
        "client_left": counters.client_left,
        "cut": counters.cut,
        "recorded": counters.recorded,
        "unrecorded": counters.unrecorded,
        "shadows": counters.shadows,
        "shadows_skipped": counters.shadows_skipped,
        "shadows_recorded": counters.shadows_recorded,
        "shadows_unrecorded": counters.shadows_unrecorded,
        "shadows_failed": {arm: counters.shadows_failed[arm] for arm in ("control", "candidate")},
        "passed": counters.passed,
        "answers": {arm: outcomes.told() for arm, outcomes in counters.outcomes.items()},
        "rollout_file_unreadable": route.rollout.unreadable,
    }


def _of_engines(engines: Engines) -> dict[str, Any]:
    retries, retries_refused = engines.retries
    standing, replicas = engines.standing, engines.replicas
    return {
        "breakers": {arm: one.status for arm, one in standing.items()},
        "breakers_opened": {arm: one.opened for arm, one in standing.items()},
        "replicas": {arm: several.told() for arm, several in replicas.items()},
        "replica_retries": {arm: several.budget.taken for arm, several in replicas.items()},
        "replica_retries_refused": {arm: several.budget.refused for arm, several in replicas.items()},
        "retries": retries,
        "retries_refused": retries_refused,
    }
