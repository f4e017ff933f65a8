"""`belay config`: the settings that a process would run with, and where each comes from."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

from belay.commands.options import ProjectFile
from belay.progress import console_of
from belay.project import FILE
from telemetry.errors import UsageError

if TYPE_CHECKING:
    from telemetry.settings_shown import Shown

CONFIG_COMMANDS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Show the settings that processes would run with, and where each comes from.\n\n"
    "Example: `belay config show router`",
)
_STYLES = {"default": "dim", "file": "", "secret": "cyan", "environment": "cyan"}


@CONFIG_COMMANDS.callback()
def _config() -> None:
    """Keep `show` a command of its own: a group of one would take its place."""


@CONFIG_COMMANDS.command()
def show(
    process: Annotated[
        Literal["router", "worker", "control", "forwarder"] | None,
        typer.Argument(help="One process alone."),
    ] = None,
    file: ProjectFile = FILE,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings", help="The process's own settings file, in place of what belay.yaml makes."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Show each setting with where it comes from: default, file, folder of secrets, or environment. Secrets are hidden.

    It is what the process would have if it were started here, with this environment. Status 2 where they are wrong.

    Example: `belay config show router` or `belay config show worker --settings worker.yaml --json`
    """
    from belay.launcher.settings_shown import of_file, of_project

    if settings is None:
        found = of_project(file, process)
    elif process is None:
        raise UsageError("--settings is one process's file", hint="Say whose: `belay config show router`.")
    else:
        found = of_file(settings, process)
    if as_json:
        typer.echo(json.dumps({name: [_told(one) for one in told] for name, told in found.items()}, indent=2))
        return
    for name, told in found.items():
        console_of().print(_table(name, told))


def _told(one: Shown) -> dict[str, object]:
    return {name: value for name, value in asdict(one).items() if name != "as_default"}


def _table(name: str, told: list[Shown]) -> Table:
    table = Table(title=name, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for title in ("key", "value", "from"):
        table.add_column(title, overflow="fold")
    for one in told:
        # Neither a path nor what somebody wrote is markup.
        value = one.value if isinstance(one.value, str) else json.dumps(one.value)
        origin = one.source if one.source == "default" else one.where
        table.add_row(*(Text(text, _STYLES[one.source]) for text in (one.key, value, origin)))
    return table
