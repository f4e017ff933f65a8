"""`belay backup` and `belay restore`: Belay's topics as files, and back into new ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from belay.commands.options import ProjectFile
from belay.progress import console_of
from belay.project import FILE, load_project

if TYPE_CHECKING:
    from telemetry.backup import Manifest

Folder = Annotated[Path, typer.Argument(help="The backup's folder.")]
Artifacts = Annotated[
    bool, typer.Option("--artifacts", help="The home's models, baselines, audits and taggers too.")
]


def backup(folder: Folder, artifacts: Artifacts = False, file: ProjectFile = FILE) -> None:
    """Write what Belay's topics hold into a new folder, with hashes; everything may go on running.

    The folder has users' texts, as the text policy left them. Settings, briefs and keys are files: copy them too.

    Example: `belay backup /backups/2026-11-30 --artifacts`
    """
    from belay.steps.backup import check, keep
    from telemetry.backup import back_up
    from telemetry.bus.kafka_bus import KafkaBus
    from telemetry.topics import layout

    project = load_project(file)
    if artifacts:
        check(project.home, folder)
    bus = KafkaBus(project.bus())

    def beside(place: Path) -> dict[str, str]:
        return keep(project.home, place, console_of())

    made = back_up(bus, layout(bus.settings.topics), folder, beside if artifacts else None)
    _tell(made, f"In {folder}:")


def restore(folder: Folder, artifacts: Artifacts = False, file: ProjectFile = FILE) -> None:
    """Write a backup into the broker's topics, which have to be empty, every record at the offset where it was.

    Nothing of Belay may run meanwhile. Workers then score interactions again, which changes nothing, and fold the
    scores from the beginning. With `--artifacts` the home is filled first; what it has already is left alone, and
    another by the same name is refused.

    Example: `belay restore /backups/2026-11-30 --artifacts`
    """
    from belay.steps.backup import bring_back
    from telemetry import backup as backups
    from telemetry.bus.kafka_bus import KafkaBus

    project = load_project(file)
    if artifacts:
        bring_back(backups.read_manifest(folder).artifacts, project.home, folder, console_of())
    _tell(backups.restore(KafkaBus(project.bus()), folder), "Restored:")


def _tell(manifest: Manifest, title: str) -> None:
    console = console_of()
    console.print(title, markup=False)
    for topic in dict.fromkeys(part.topic for part in manifest.parts):
        count = sum(part.records for part in manifest.parts if part.topic == topic)
        console.print(f"  {topic}: {count} records", markup=False)
    if manifest.artifacts:
        console.print(f"  the backup has {len(manifest.artifacts)} artefacts", markup=False)
