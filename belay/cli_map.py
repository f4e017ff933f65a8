"""The commands of the capability map: the brief, the traffic measured against it, and what follows from both."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from belay.cli_options import BRIEF, OFFLINE
from belay.progress import console_of

BriefPath = Annotated[Path, typer.Argument(help="The capability brief.")]

_BRIEF = typer.Typer(no_args_is_help=True, help="Show, check or write a capability brief.")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(_BRIEF, name="brief", rich_help_panel=OFFLINE)


@_BRIEF.command()
def show(path: BriefPath = BRIEF) -> None:
    """Show a capability brief as a table."""
    from evaluator.brief import load_brief  # noqa: PLC0415 - light commands do not wait for scipy
    from evaluator.brief_table import brief_table  # noqa: PLC0415 - as above

    console_of().print(brief_table(load_brief(path)))


@_BRIEF.command()
def check(path: BriefPath = BRIEF) -> None:
    """Tell everything that is wrong with a capability brief, and where it is weak. Status 2 where it cannot be used."""
    from evaluator.brief import load_brief  # noqa: PLC0415 - as above
    from evaluator.brief_table import weaknesses  # noqa: PLC0415 - as above

    loaded, console = load_brief(path), console_of()
    weak = weaknesses(loaded)
    asked = sum(item.split == "audit" for items in loaded.items.values() for item in items)
    console.print(
        f"[bold]{path}[/] can be used: {len(loaded.brief.capabilities)} capabilities, {asked:,} audit items, "
        f"sha256 {loaded.sha256[:12]}."
    )
    if weak:
        console.print(f"Where it is weak ({len(weak)}):")
    for line in weak:
        console.print(f"  - {line}", markup=False)
