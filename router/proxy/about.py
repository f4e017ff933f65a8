"""What the router says of itself: as JSON for people and programs, as text for Prometheus."""

from __future__ import annotations

from typing import Any

from router.proxy.counters import Counters
from router.proxy.in_force import InForce
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


def status(
    router_id: str, now: InForce, table: TableWatch, counters: Counters, dropped: int, unreadable: int
) -> dict[str, Any]:
    """The router at this moment, for GET /belay/status.

    `dropped` are records that the spool's quota has cost, `unreadable` rollout files that could not be read.
    """
    return {
        "router_id": router_id,
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
        "base_down": counters.base_down,
        "client_left": counters.client_left,
        "recorded": counters.recorded,
        "unrecorded": counters.unrecorded,
        "dropped": dropped,
        "shadows": counters.shadows,
        "shadows_skipped": counters.shadows_skipped,
        "shadows_failed": {arm: counters.shadows_failed[arm] for arm in ("control", "candidate")},
        "passed": counters.passed,
        "in_flight": counters.in_flight,
        "rollout_file_unreadable": unreadable,
    }


_PLAIN = (
    ("belay_base_down_total", "counter", "base_down", "Requests that no engine answered."),
    ("belay_client_left_total", "counter", "client_left", "Clients that left before the end."),
    ("belay_recorded_total", "counter", "recorded", "Interactions written to the spool."),
    ("belay_unrecorded_total", "counter", "unrecorded", "Interactions that the spool did not take."),
    ("belay_spool_dropped_total", "counter", "dropped", "Interactions that the spool's quota has cost."),
    ("belay_shadows_total", "counter", "shadows", "Requests also sent to the other arm."),
    ("belay_shadows_skipped_total", "counter", "shadows_skipped", "Shadows beyond the limit in flight."),
    ("belay_passed_total", "counter", "passed", "Requests passed to base unrecorded."),
    ("belay_rollout_file_unreadable_total", "counter", "rollout_file_unreadable", "Broken rollout files."),
    ("belay_in_flight", "gauge", "in_flight", "Requests being answered."),
    ("belay_rollout_share", "gauge", "share", "Fraction of subjects that the candidate has."),
    ("belay_rollout_stage", "gauge", "stage", "Stage of the rollout."),
    ("belay_rollout_revision", "gauge", "revision", "Revision of the rollout's state in force."),
)  # fmt: skip


def prometheus(state: dict[str, Any]) -> str:
    """The same as Prometheus' text format (version 0.0.4)."""
    lines = _labelled("belay_requests_total", "Requests by assigned arm.", "arm", state["requests"])
    lines += _labelled(
        "belay_fallbacks_total",
        "Answers by base for a candidate that failed.",
        "reason",
        state["fallback_reasons"],
    )
    lines += _labelled(
        "belay_shadows_failed_total", "Shadows without an answer, by arm.", "arm", state["shadows_failed"]
    )
    for name, kind, key, text in _PLAIN:
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}", f"{name} {state[key]}"]
    return "\n".join(lines) + "\n"


def _labelled(name: str, text: str, label: str, values: dict[str, int]) -> list[str]:
    rows = [f'{name}{{{label}="{value}"}} {count}' for value, count in values.items()]
    return [f"# HELP {name} {text}", f"# TYPE {name} counter", *rows]
