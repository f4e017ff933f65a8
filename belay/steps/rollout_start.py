"""A project's rollout: drafted out of belay.yaml, started at control."""

from __future__ import annotations

import httpx

from belay.home import Home
from belay.project import Project
from belay.steps.rollout_draft import draft
from telemetry.errors import InfrastructureError, TransitionRefused, UsageError
from telemetry.events import RolloutChanged, RolloutSpec


def drafted(project: Project, override_by: str = "", override_reason: str = "") -> RolloutSpec:
    """The rollout of the project's candidate. Raises UsageError where it names none, or the audit did not pass."""
    if project.candidate is None:
        raise UsageError(
            "belay.yaml names no candidate, so there is nothing to roll out", hint="Set `candidate`."
        )
    return draft(
        Home(project.home),
        project.brief,
        project.candidate,
        alias=project.route,
        stages=project.stages,
        advance=project.advance,
        shadow=project.shadow,
        override_by=override_by,
        override_reason=override_reason,
    )


def started(project: Project, spec: RolloutSpec) -> RolloutChanged:
    """Start it at control. Raises TransitionRefused and InfrastructureError."""
    url = f"{project.control_url}/rollouts"
    try:
        answer = httpx.post(url, json=spec.model_dump(mode="json"), timeout=30.0)
    except httpx.HTTPError as error:
        raise InfrastructureError(
            f"control does not answer at {url}: {error}", hint="Start it: `belay up`, or `belay up control`."
        ) from error
    if answer.is_client_error:
        raise TransitionRefused(f"control refused rollout {spec.rollout_id}: {answer.text}")
    if answer.is_error:
        raise InfrastructureError(f"control failed to start rollout {spec.rollout_id}: {answer.text}")
    return RolloutChanged.model_validate(answer.json())
