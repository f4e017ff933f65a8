"""The commands about the capability brief."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from belay.cli_options import BRIEF, OFFLINE
from belay.progress import console_of


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(rich_help_panel=OFFLINE)(brief)


def brief(path: Annotated[Path, typer.Argument(help="The capability brief.")] = BRIEF) -> None:
    """Check a capability brief and show it as a table."""
    from belay.demo import brief_table  # noqa: PLC0415 - torch and vLLM's side are heavy
    from evaluator.brief import load_brief  # noqa: PLC0415 - as above

    console_of().print(brief_table(load_brief(path)))
