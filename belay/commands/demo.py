"""`belay demo`: the whole story on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from belay.commands.options import BRIEF, HOME, BriefFile, HomeFolder
from belay.launcher.unseen import DEFAULT, Source
from belay.progress import console_of


def demo(
    home: HomeFolder = HOME,
    brief: BriefFile = BRIEF,
    requests: Annotated[int, typer.Option(min=50, help="Requests to send at most.")] = 1600,
    seed: Annotated[int, typer.Option(help="Seed of the traffic.")] = 7,
    traffic: Annotated[
        Source,
        typer.Option(help="The brief's own items, or prompts that stand in none of its files."),
    ] = DEFAULT,
    identical: Annotated[bool, typer.Option(help="Roll base out against itself: nothing may fire.")] = False,
    bootstrap_servers: Annotated[
        str | None,
        typer.Option(
            help="A Kafka that runs already and keeps what happened, for `belay repair` and `belay replay`.",
            show_default="an embedded broker, in memory only",
        ),
    ] = None,
) -> None:
    """The whole story on this machine: train naively, audit, roll out, watch it being rolled back.

    Example: `belay demo` or `belay demo --identical`
    """
    from belay.launcher.demo import DemoSettings, run_demo

    console = console_of()
    settings = DemoSettings(
        home=home,
        brief=brief,
        requests=requests,
        seed=seed,
        identical=identical,
        bootstrap=bootstrap_servers,
        traffic=traffic,
    )
    summary = run_demo(settings, console)
    if (summary.outcome == "rolled_back") == identical:
        console.print("[bold red]   This is not how the story should end.[/]")
        raise typer.Exit(1)
