"""The commands that train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from belay.commands.options import ALIAS, BRIEF, HOME, OFFLINE, BriefFile, HomeFolder, ModelName
from belay.home import Home
from belay.progress import console_of


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(rich_help_panel=OFFLINE)(train)
    app.command(rich_help_panel=OFFLINE)(repair)


def train(
    what: Annotated[str, typer.Argument(help="A run's settings (run.yaml), or just a candidate's name.")],
    home: HomeFolder = HOME,
    brief: BriefFile = BRIEF,
    model: ModelName = ALIAS,
    no_audit: Annotated[bool, typer.Option("--no-audit", help="Stop before the audit of a run.")] = False,
) -> None:
    """Train a candidate; refuses without a baseline. Interrupted, it goes on where it was.

    With a run's settings: data, training, checkpoints, merge search, manifest and audit; status 0 pass, 1 fail,
    3 inconclusive. With a name: base on the brief's target, with the defaults and without audit.
    """
    from belay.steps import train as training  # noqa: PLC0415 - torch and vLLM's side are heavy

    place, console = Home(home.resolve()), console_of()
    if what.endswith((".yaml", ".yml")):
        result = training.train_run(place, Path(what), model, console, audited=not no_audit)
        raise typer.Exit(result.exit_code if result is not None else 0)
    from evaluator.audit.baseline import load_baseline  # noqa: PLC0415 - as above
    from evaluator.briefs.brief import load_brief  # noqa: PLC0415 - as above
    from serving.models.manifest import read_manifest  # noqa: PLC0415 - as above

    loaded = load_brief(brief)
    load_baseline(place.baselines, read_manifest(place.base_model).sha256)
    folder = training.train(place, loaded, place.base_model, what, console)
    console.print(f"   {folder}")


def repair(
    rollback: Annotated[str, typer.Argument(help="The rollout that was rolled back, or the decision's id.")],
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
    """
    from belay.steps.repair import RepairSettings  # noqa: PLC0415 - as above
    from belay.steps.repair import repair as run_repair  # noqa: PLC0415 - as above
    from telemetry.bus.kafka_bus import KafkaBus  # noqa: PLC0415 - as above
    from telemetry.bus.settings import BusSettings  # noqa: PLC0415 - as above
    from trainer.repairing.result import table  # noqa: PLC0415 - as above

    place, console = Home(home.resolve()), console_of()
    settings = RepairSettings(rollback, brief, run, name, prompts, items)
    bus = KafkaBus(BusSettings(bootstrap_servers=bootstrap_servers))
    result = run_repair(place, settings, bus, console)
    console.print(table(result))
    console.print(f"   {place.model(result.after)}; audit it with `belay audit {result.after}`")
    console.print(f"   {place.root}/repairs/{result.rollout_id}/repair.json")
