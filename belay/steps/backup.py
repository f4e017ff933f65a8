"""What of a home lies in a backup beside the topics: every artefact, in a store of its own, and back by its hash."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rich.console import Console

from belay.artifacts.contents import paths_of, require_no_pickle
from belay.artifacts.store import open_store
from belay.steps.artifacts import Moving, in_home, listed, pull, push
from telemetry.errors import UsageError

FOLDER: Final = "artifacts"


def check(home: Path, folder: Path) -> None:
    """Raise as `keep` would, without writing anything, where a home has a link or a pickle, or a package is missing.

    Contents are not hashed here: a model that is not what its manifest says is found by `keep` alone.
    """
    open_store(str(folder / FOLDER))
    for kind, name in in_home(home):
        for path in paths_of(kind, home / kind / name).values():
            require_no_pickle(path)


def keep(home: Path, folder: Path, console: Console) -> dict[str, str]:
    """Store every artefact of a home in a backup's folder; their hashes by what commands call them.

    Raises as `push` does: what cannot be stored, as a model with links, is never left out in silence.
    """
    # Items and answers of users may be in it, and the backup's folder may have been there for everybody.
    (folder / FOLDER).mkdir(mode=0o700, exist_ok=True)
    moving = _between(home, folder, console)
    if there := [f"{kind}/{name}" for kind, name in in_home(home)]:
        push(moving, there)
    found, _ = listed(moving.store)
    return {one.ref: one.sha256 for one in found}


def bring_back(wanted: Mapping[str, str], home: Path, folder: Path, console: Console) -> None:
    """Bring a backup's artefacts into a home, each whole and with the hash that the backup's manifest names.

    Raises UsageError where it has none, and where the home has another by a name: nothing is replaced. What came before
    that stays, and the next try goes on from there.
    """
    if not wanted:
        raise UsageError(
            f"the backup {folder} has no artefacts",
            hint="It was made without --artifacts. Restore without it, and copy the home by hand.",
        )
    try:
        pull(_between(home, folder, console), [f"{ref}@{sha256}" for ref, sha256 in sorted(wanted.items())])
    except UsageError as error:
        raise UsageError(
            error.message,
            hint=f"Of it nothing was written. Where {home} has another, name a new `home` in belay.yaml; where the "
            "backup is damaged, use an older one. Restoring again goes on from here.",
        ) from error


def _between(home: Path, folder: Path, console: Console) -> Moving:
    return Moving(home, open_store(str(folder / FOLDER)), console, replace=False, limit=sys.maxsize)
