"""What the router tells of its routes and their replicas, as steps of `belay status`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from telemetry.events import DEFAULT_ROUTE

_ARMS = {"control": "base", "candidate": "candidate"}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the pipeline: what it says, and what it waits for (nothing where it flows)."""

    name: str
    told: str
    waits_for: str = ""


def other_routes(router: Mapping[str, Any]) -> list[Step]:
    """A step for each route but the default one, whose pipeline is the whole of `belay status`."""
    routes: Mapping[str, Any] = router.get("routes", {})
    return [
        Step(f"route {name}", _told(of), away_in(of)) for name, of in routes.items() if name != DEFAULT_ROUTE
    ]


def away_in(route: Mapping[str, Any]) -> str:
    """What of a route's arms is not asked for now; empty where all are."""
    return ", ".join((*_open(route), *_ejected(route)))


def _told(of: Mapping[str, Any]) -> str:
    asked = of["requests"]
    answers = (
        f"base {asked['control']:,}, candidate {asked['candidate']:,}, of those {of['fallbacks']} by base"
    )
    rollout = f"{of['rollout_id']} {of['rollout']} at {of['share']:.0%}" if of["revision"] else "no rollout"
    return f"{rollout}; {answers}; shadows {of['shadows']:,}"


def _open(route: Mapping[str, Any]) -> Iterator[str]:
    for arm, status in route.get("breakers", {}).items():
        if status == "open":
            yield f"{_ARMS[arm]}, which keeps failing"


def _ejected(route: Mapping[str, Any]) -> Iterator[str]:
    for arm, replicas in route.get("replicas", {}).items():
        for name, told in replicas.items():
            if told.get("ejected"):  # of one that only an ended worker had, counts are told
                yield f"replica {name} of {_ARMS[arm]}"
