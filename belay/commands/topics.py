"""`belay topics`: whether the broker's topics keep what promises need, and making them so."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from belay.commands.options import ProjectFile
from belay.progress import console_of
from belay.project import FILE, load_project

if TYPE_CHECKING:
    from telemetry.bus.kafka_bus import KafkaBus
    from telemetry.bus.topic_plan import TopicPlan

TOPIC_COMMANDS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Compare the broker's topics with those that promises need, and change them.\n\n"
    "Example: `belay topics plan`",
)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@TOPIC_COMMANDS.command()
def plan(file: ProjectFile = FILE, as_json: AsJson = False) -> None:
    """Show how the topics that are there differ from those that belay.yaml wants. Status 0 same, 1 differs.

    Example: `belay topics plan --json`
    """
    bus = _bus(file)
    _tell(bus, bus.plan_topics(), _console(as_json=as_json), as_json=as_json)


@TOPIC_COMMANDS.command()
def apply(
    file: ProjectFile = FILE,
    delete: Annotated[
        bool, typer.Option("--delete", help="Shorten retention too: what is older is deleted.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the topics as belay.yaml wants them. Status 0 same, 1 where something still differs or is refused.

    Partitions can grow only. Where a topic contradicts a promise that no change can mend, nothing is changed.

    Example: `belay topics apply`
    """
    from belay.steps.topics import changes_told

    bus, console = _bus(file), _console(as_json=as_json)
    found = bus.plan_topics()
    planned = found if delete else found.keeping()
    if planned.refusals:
        console.print("[red]Nothing was changed.[/] A topic contradicts a promise:")
        _tell(bus, planned, console, as_json=as_json)
    bus.apply_topics(planned)
    for line in changes_told(planned, bus.settings):
        console.print(line, markup=False)
    _tell(bus, bus.plan_topics(), console, as_json=as_json)


@TOPIC_COMMANDS.command()
def asyncapi(file: ProjectFile = FILE) -> None:
    """Print what is on the topics as an AsyncAPI 3 document, for whoever reads them; of belay.yaml where there is one.

    Example: `belay topics asyncapi > asyncapi.json`
    """
    from telemetry.asyncapi import document
    from telemetry.bus.names import Names
    from telemetry.bus.settings import BusSettings
    from telemetry.topics import layout

    settings = load_project(file).bus() if file.is_file() else BusSettings()
    made = document(layout(settings.topics), Names(settings.namespace), version("belay"))
    typer.echo(json.dumps(made, indent=1, ensure_ascii=False))


def _bus(file: ProjectFile) -> KafkaBus:
    from telemetry.bus.kafka_bus import KafkaBus

    return KafkaBus(load_project(file).bus())


def _console(*, as_json: bool) -> Console:
    return Console(stderr=True, highlight=False) if as_json else console_of()


def _tell(bus: KafkaBus, found: TopicPlan, console: Console, *, as_json: bool) -> None:
    """Show the plan and end with its status."""
    from belay.steps.topics import plan_table, plan_text

    if as_json:
        typer.echo(json.dumps(plan_text(found, bus.settings), indent=2))
    elif found.same:
        console.print("Every topic is as wanted.")
    else:
        console.print(plan_table(found, bus.settings))
    raise typer.Exit(0 if found.same else 1)
