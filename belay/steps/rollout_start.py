"""A project's rollout: drafted out of belay.yaml, started at control."""

from __future__ import annotations

from typing import Final

from belay.home import Home
from belay.project import Project
from belay.steps.control_client import ask_control
from belay.steps.rollout_draft import draft
from telemetry.errors import UsageError
from telemetry.events import RolloutChanged, RolloutSpec

_START_S: Final = 30.0


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
    """Start it at control. Raises UsageError where control refuses, and InfrastructureError."""
    url = f"{project.control_url}/rollouts"
    return RolloutChanged.model_validate(
        ask_control("POST", url, spec.model_dump(mode="json"), timeout_s=_START_S)
    )
