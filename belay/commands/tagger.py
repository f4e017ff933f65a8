"""`belay tagger`: the tagger fitted beforehand, from more than exemplars."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from belay.commands.options import BRIEF, HOME, BriefFile, HomeFolder
from belay.progress import console_of

TAGGER_COMMANDS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Fit the tagger that tells capabilities apart.\n\nExample: `belay tagger train --brief brief.yaml`",
)


@TAGGER_COMMANDS.callback()
def _tagger() -> None:
    """A callback keeps the one command a command of a group."""


@TAGGER_COMMANDS.command()
def train(
    brief: BriefFile = BRIEF,
    corrected: Annotated[
        Path | None,
        typer.Option(
            help='Lines of {"prompt": ..., "capability": ...}; null is for no capability.',
        ),
    ] = None,
    items: Annotated[
        bool, typer.Option("--items/--no-items", help="Learn from the audit items as well.")
    ] = True,
    home: HomeFolder = HOME,
) -> None:
    """Fit a tagger from exemplars, audit items and corrected tags; it lies in the home under its hash.

    Example: `belay tagger train --brief brief.yaml --corrected tags.jsonl`
    """
    from belay.home import Home
    from belay.steps.brief_loading import read_brief
    from belay.steps.tagger import train_tagger

    train_tagger(read_brief(brief), Home(home).taggers, corrected, console_of(), with_items=items)
