"""The command that removes what Belay made."""

from __future__ import annotations

import shutil

from belay.commands.options import HOME, HomeFolder
from belay.home import Home
from belay.progress import console_of
from serving.models.pins import require_unpinned
from telemetry.errors import UsageError


def clean(home: HomeFolder = HOME) -> None:
    """Remove everything that Belay made: models, baselines, audits, runs. Refuses while a rollout needs a model.

    Example: `belay clean --home .belay`
    """
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
