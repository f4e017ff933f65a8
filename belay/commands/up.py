"""`belay up`: the online path of a project, whole or a part of it."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from belay.commands.completing import PARTS, models, parts
from belay.commands.options import ProjectFile
from belay.commands.processes import stop_on_signals
from belay.progress import console_of
from belay.project import FILE, load_project

OverrideBy = Annotated[str, typer.Option(help="Of --start: your name, where the audit did not pass.")]
OverrideReason = Annotated[str, typer.Option(help="Of --start: why it may go out all the same.")]


def up(
    part: Annotated[
        str | None,
        typer.Argument(help=f"One part alone: {', '.join(PARTS)}.", autocompletion=parts),
    ] = None,
    file: ProjectFile = FILE,
    candidate: Annotated[
        str | None,
        typer.Option(
            help="The candidate, in place of the one that the file names.",
            autocompletion=models("candidate", "adapter"),
        ),
    ] = None,
    start: Annotated[
        bool,
        typer.Option(
            "--start", help="Start the rollout of each route's candidate as soon as everything is up."
        ),
    ] = False,
    override_by: OverrideBy = "",
    override_reason: OverrideReason = "",
) -> None:
    """Run the online path that belay.yaml names until interrupted, or one part of it.

    Example: `belay up --start` or, on several machines, `belay up router`
    """
    from belay.launcher.routes import Route
    from belay.launcher.up import chosen, run_up, show_who_answers, write_settings
    from belay.steps.rollout_start import drafted, started

    project, console = load_project(file), console_of()
    if candidate is not None:
        project = project.model_copy(update={"candidate": candidate})
    route = Route.of(project)
    if part is not None:
        alone = chosen(route, part)
        write_settings(route)
        # The part takes this process's place, so that whoever supervises us supervises it.
        os.execv(sys.executable, [sys.executable, "-m", "belay", *alone.arguments])  # noqa: S606 - no shell is wanted
    specs = drafted(route.project, override_by, override_reason) if start else []

    def ready() -> None:
        models = ", ".join(map(repr, (route.project.route, *route.project.routes)))
        console.print(f"   clients ask {route.project.router_url}/v1 for model {models}", markup=False)
        for spec in specs:
            state = started(route.project, spec)
            console.print(f"   rollout {state.spec.rollout_id} has begun at {state.share:.0%}")
        if not specs:  # before a rollout control asks
            show_who_answers(route, console)
        console.print(f"   the dashboard: {route.project.control_url}/", soft_wrap=True)
        console.print("   `belay status` shows how it stands; Ctrl-C ends all of it", soft_wrap=True)

    run_up(route, console, stop_on_signals(), ready)
