"""The command that removes what Belay made."""

from __future__ import annotations

import shutil

import typer

from belay.commands.options import HOME, HomeFolder
from belay.home import Home
from belay.progress import console_of
from telemetry.errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel="Start here")(clean)


def clean(home: HomeFolder = HOME) -> None:
    """Remove everything that Belay made: models, baselines, audits, runs. Refuses while a rollout needs a model."""
    from serving.models.pins import require_unpinned  # noqa: PLC0415 - pydantic models only when they are needed

    place, console = Home(home.resolve()), console_of()
    if not place.root.exists():
        console.print(f"There is nothing at {place.root}.")
        return
    if not any(path.is_dir() for path in (place.models, place.baselines, place.runs, place.logs)):
        raise UsageError(
            f"{place.root} holds neither models nor baselines nor runs, so it is no folder of Belay's",
            hint="Say with --home which one to remove.",
        )
    for folder in sorted(place.models.glob("*/")):
        require_unpinned(folder)
    shutil.rmtree(place.root)
    console.print(f"Removed {place.root}.")
