"""`belay train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from belay.commands.options import ALIAS, BRIEF, HOME, BriefFile, HomeFolder, ModelName
from belay.home import Home
from belay.progress import console_of
from belay.steps import train as training
from evaluator.audit.baseline import load_baseline
from evaluator.briefs.brief import load_brief
from serving.models.manifest import read_manifest


def train(
    what: Annotated[str, typer.Argument(help="A run's settings (run.yaml), or just a candidate's name.")],
    home: HomeFolder = HOME,
    brief: BriefFile = BRIEF,
    model: ModelName = ALIAS,
    no_audit: Annotated[bool, typer.Option("--no-audit", help="Stop before the audit of a run.")] = False,
) -> None:
    """Train a candidate; refuses without a baseline. Interrupted, it goes on where it was.

    With a run's settings: data, training, checkpoints, merge search, manifest and audit; status 0 pass, 1 fail,
    3 inconclusive. With a name: base on the brief's target, with the defaults and without audit.
    """
    place, console = Home(home.resolve()), console_of()
    if what.endswith((".yaml", ".yml")):
        result = training.train_run(place, Path(what), model, console, audited=not no_audit)
        raise typer.Exit(result.exit_code if result is not None else 0)

    loaded = load_brief(brief)
    load_baseline(place.baselines, read_manifest(place.base_model).sha256)
    folder = training.train(place, loaded, place.base_model, what, console)
    console.print(f"   {folder}")
