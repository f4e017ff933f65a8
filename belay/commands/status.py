"""`belay status` and `belay doctor`: how a route stands, and what keeps it from standing."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from belay.commands.options import ProjectFile
from belay.progress import console_of
from belay.project import FILE, load_project

if TYPE_CHECKING:
    from belay.launcher.finding import Finding

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
_MARKS = {"ok": "[green]ok[/]", "note": "[cyan]note[/]", "wrong": "[red]wrong[/]"}


def status(file: ProjectFile = FILE, as_json: AsJson = False) -> None:
    """Show the whole pipeline on one screen, from traffic to decision, with what waits for what.

    Example: `belay status --json`
    """
    from belay.launcher.routes import Route
    from belay.launcher.seen import see
    from belay.launcher.status import status_table, steps

    found = steps(see(Route.of(load_project(file))))
    if as_json:
        typer.echo(json.dumps({"steps": [asdict(step) for step in found]}, indent=2))
    else:
        console_of().print(status_table(found))


def doctor(file: ProjectFile = FILE, as_json: AsJson = False) -> None:
    """Say what is wrong with a route and what to do. Status 2 where a person has to act, 4 where something is away.

    Example: `belay doctor`
    """
    from belay.launcher.doctor import examine

    found = list(examine(file))
    if as_json:
        typer.echo(json.dumps({"findings": [asdict(one) for one in found]}, indent=2))
    else:
        console_of().print(_table(found))
    codes = [one.exit_code for one in found if one.state == "wrong"]
    raise typer.Exit(min(codes, default=0))


def _table(found: list[Finding]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(overflow="fold")
    for one in found:
        table.add_row(
            _MARKS[one.state], f"[bold]{one.what}[/]", one.told + (f"\n[dim]{one.do}[/]" if one.do else "")
        )
    return table
