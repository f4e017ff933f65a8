"""The commands that train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from belay.cli_options import ALIAS, BRIEF, HOME, OFFLINE, BriefFile, HomeFolder, ModelName
from belay.home import Home
from belay.progress import console_of


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(rich_help_panel=OFFLINE)(train)


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
    from belay import offline_train  # noqa: PLC0415 - torch and vLLM's side are heavy

    place, console = Home(home.resolve()), console_of()
    if what.endswith((".yaml", ".yml")):
        result = offline_train.train_run(place, Path(what), model, console, audited=not no_audit)
        raise typer.Exit(result.exit_code if result is not None else 0)
    from evaluator.baseline import load_baseline  # noqa: PLC0415 - as above
    from evaluator.brief import load_brief  # noqa: PLC0415 - as above
    from serving.manifest import read_manifest  # noqa: PLC0415 - as above

    loaded = load_brief(brief)
    load_baseline(place.baselines, read_manifest(place.base_model).sha256)
    folder = offline_train.train(place, loaded, place.base_model, what, console)
    console.print(f"   {folder}")
