"""`belay control`: the rollout's state, and the tokens of those who may change it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from belay.lazy import Entry, lazy
from belay.logs import log_to_stderr
from telemetry.errors import UsageError
from telemetry.settings import load_settings

if TYPE_CHECKING:
    from router.control.review_api import Find, Reviewing
    from telemetry.bus.protocols import Bus

CONTROL_COMMANDS = typer.Typer(
    cls=lazy(
        {
            "token": Entry(
                "belay.commands.control_token:TOKEN_COMMANDS",
                None,
                "Make, list and revoke the tokens by which control knows who asks.",
            )
        }
    ),
    invoke_without_command=True,
    rich_markup_mode="markdown",
)


@CONTROL_COMMANDS.callback()
def control(
    ctx: typer.Context,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            help="A YAML file (the demo leaves one in its run's folder); unknown keys are errors.",
        ),
    ] = None,
) -> None:
    """Hold the rollout's state: the control API, and the loop that acts on decisions.

    Example: `belay control --settings .belay/runs/route-support/control.yaml`
    """
    if ctx.invoked_subcommand is not None:
        return
    from router.control.app import run_control
    from router.control.settings import ControlSettings

    if settings is None:
        raise UsageError(
            "Missing option '--settings'",
            hint="`belay up control` runs it as belay.yaml has it, without one.",
        )
    log_to_stderr()
    run_control(load_settings(settings, ControlSettings), _reviewing)


def _reviewing(bus: Bus, find: Find) -> Reviewing:
    """Who knows which answers people are shown; loaded when somebody asks."""
    from evaluator.judge.reviewing.serving import Reviews

    return Reviews(bus, find)
