"""A project's rollouts: drafted out of belay.yaml, one for each route that has a candidate, and started at control."""

from __future__ import annotations

from collections.abc import Iterator

from belay.home import Home
from belay.project import Project
from belay.project_routes import ProjectRoute
from belay.steps.control_client import START_S, ask_control
from belay.steps.rollout_draft import draft
from telemetry.errors import UsageError
from telemetry.events import DEFAULT_ROUTE, RolloutChanged, RolloutSpec


def drafted(project: Project, override_by: str = "", override_reason: str = "") -> list[RolloutSpec]:
    """The rollouts of every candidate that the project names, of the file's own route first.

    A candidate that is only an address has none. Raises UsageError where there is no candidate at all, or an audit did
    not pass.
    """
    found = [
        draft(
            Home(project.home),
            route.brief or project.brief,
            candidate,
            alias=alias,
            stages=route.stages or project.stages,
            advance=route.advance or project.advance,
            shadow=project.shadow if route.shadow is None else route.shadow,
            override_by=override_by,
            override_reason=override_reason,
            route=name,
        )
        for name, alias, candidate, route in _with_candidates(project)
    ]
    if not found:
        raise UsageError(
            "belay.yaml names no candidate of the home, so there is nothing to roll out",
            hint="Set `candidate`, of an address `adopted`.",
        )
    return found


def _with_candidates(project: Project) -> Iterator[tuple[str, str, str, ProjectRoute]]:
    """Of each route with a candidate: its name for routers, what clients ask for, the candidate, what it says."""
    if project.candidate is not None:
        own = ProjectRoute.model_validate({"base": project.base})
        yield DEFAULT_ROUTE, project.route, project.candidate, own
    for name, route in project.routes.items():
        candidate = route.candidate and (route.candidate.serve or route.candidate.adopted)
        if candidate:
            yield name, name, candidate, route


def started(project: Project, spec: RolloutSpec) -> RolloutChanged:
    """Start it at control. Raises UsageError where control refuses, and InfrastructureError."""
    url = f"{project.control_url}/rollouts"
    return RolloutChanged.model_validate(
        ask_control("POST", url, spec.model_dump(mode="json"), timeout_s=START_S)
    )
