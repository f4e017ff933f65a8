"""`belay repair`: a rolled-back candidate, trained again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from belay.commands.completing import rollouts
from belay.commands.options import BRIEF, HOME, BriefFile, HomeFolder
from belay.home import Home
from belay.progress import console_of


def repair(
    rollback: Annotated[
        str,
        typer.Argument(
            help="The rollout that was rolled back, or the decision's id.", autocompletion=rollouts
        ),
    ],
    home: HomeFolder = HOME,
    brief: BriefFile = BRIEF,
    bootstrap_servers: Annotated[str, typer.Option(help="The broker that holds it.")] = "127.0.0.1:9092",
    run: Annotated[
        Path | None,
        typer.Option("--run", help="The settings that the candidate was trained with, by run.yaml."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The new candidate's name.")] = None,
    prompts: Annotated[int, typer.Option(min=1, help="Prompts of each capability at most.")] = 200,
    items: Annotated[int, typer.Option(min=1, help="Items of each capability to compare on.")] = 48,
) -> None:
    """Train a rolled-back candidate again, rehearsing what sank it, and show before and after.

    Base answers what users asked in the capabilities that fell; no candidate's answer is learnt from. Audit what
    comes of it as any other candidate.

    Example: `belay repair ROLLOUT --bootstrap-servers kafka:9092 --name support-3`
    """
    from belay.steps.repair import RepairSettings
    from belay.steps.repair import repair as run_repair
    from belay.wiring import bus_at
    from trainer.repairing.result import table

    place, console = Home(home.resolve()), console_of()
    settings = RepairSettings(rollback, brief, run, name, prompts, items)
    bus = bus_at(bootstrap_servers)
    result = run_repair(place, settings, bus, console)
    console.print(table(result))
    console.print(f"   {place.model(result.after)}; audit it with `belay audit {result.after}`")
    console.print(f"   {place.root}/repairs/{result.rollout_id}/repair.json")
