"""The commands that train."""

from __future__ import annotations

from typing import Annotated

import typer

from belay.cli_options import BRIEF, HOME, OFFLINE, BriefFile, HomeFolder
from belay.home import Home
from belay.progress import console_of


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(rich_help_panel=OFFLINE)(train)


def train(
    name: Annotated[str, typer.Argument(help="The candidate's name.")],
    home: HomeFolder = HOME,
    brief: BriefFile = BRIEF,
) -> None:
    """Fine-tune base on the brief's target; refuses without a baseline."""
    from belay import offline_train  # noqa: PLC0415 - torch and vLLM's side are heavy
    from evaluator.baseline import load_baseline  # noqa: PLC0415 - as above
    from evaluator.brief import load_brief  # noqa: PLC0415 - as above
    from serving.manifest import read_manifest  # noqa: PLC0415 - as above

    place, loaded, console = Home(home.resolve()), load_brief(brief), console_of()
    load_baseline(place.baselines, read_manifest(place.base_model).sha256)
    folder = offline_train.train(place, loaded, place.base_model, name, console)
    console.print(f"   {folder}")
