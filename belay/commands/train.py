"""`belay train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from belay.commands.options import ALIAS, BRIEF, HOME, BaseName, BriefFile, HomeFolder, ModelName, ProjectFile
from belay.home import home_at
from belay.progress import console_of
from belay.project import FILE, load_project


def train(
    what: Annotated[str, typer.Argument(help="A run's settings (run.yaml), or just a candidate's name.")],
    home: HomeFolder = HOME,
    base: BaseName = None,
    brief: BriefFile = BRIEF,
    model: ModelName = ALIAS,
    file: ProjectFile = FILE,
    no_audit: Annotated[bool, typer.Option("--no-audit", help="Stop before the audit of a run.")] = False,
) -> None:
    """Train a candidate; refuses without a baseline. Interrupted, it goes on where it was.

    With a run's settings, or with those in belay.yaml: data, training, checkpoints, merge search, manifest and audit;
    status 0 pass, 1 fail, 3 inconclusive. Without either: base on the brief's target, with the defaults, no audit.

    Example: `belay train support-2` or `belay train run.yaml`
    """
    from belay.steps import train as training
    from belay.steps.brief_loading import judges_here, read_brief
    from evaluator.audit.baseline import load_baseline
    from serving.models.manifest import read_manifest
    from trainer.config import load_train_settings

    place, console = home_at(home, base), console_of()
    run = None
    if what.endswith((".yaml", ".yml")):
        run = load_train_settings(Path(what))
        run = run if run.judges else run.model_copy(update={"judges": judges_here()})
    elif file.is_file():
        run = training.project_run(load_project(file), what, file.resolve().parent)
    if run is not None:
        result = training.train_run(place, run, model, console, audited=not no_audit)
        raise typer.Exit(result.exit_code if result is not None else 0)

    loaded = read_brief(brief)
    load_baseline(place.baselines, read_manifest(place.base_model).sha256)
    folder = training.train(place, loaded, place.base_model, what, console)
    console.print(f"   {folder}")
