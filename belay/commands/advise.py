"""`belay advise`: what follows from the brief for the training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from belay.commands.options import BRIEF, HOME, BaseName, BriefFile, HomeFolder
from belay.home import home_at
from belay.progress import console_of
from evaluator.briefs.schema import FactsChange, Kind


def advise(
    brief: BriefFile = BRIEF,
    home: HomeFolder = HOME,
    base: BaseName = None,
    kind: Annotated[
        Kind | None, typer.Option(help="What a good answer of the target takes; the brief's, unless given.")
    ] = None,
    facts_change: Annotated[
        FactsChange | None, typer.Option(help="How often the facts behind it change; likewise.")
    ] = None,
    cites: Annotated[
        bool | None, typer.Option(help="Whether an answer has to name its source; likewise.")
    ] = None,
    cot: Annotated[
        Path | None, typer.Option(help="Chains of thought that you have (JSONL, Parquet, FLAN TSV).")
    ] = None,
    replay: Annotated[Path | None, typer.Option(help="General data that you have, to be replayed.")] = None,
    name: Annotated[str, typer.Option(help="The candidate's name in the run file.")] = "advised",
    write: Annotated[
        Path | None, typer.Option(help="Write the training run that follows to this file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Advise, from the brief: fine-tune or retrieve, data mix, EWC-LoRA or SAM, merging; with every reason.

    Example: `belay advise --brief brief.yaml --write run.yaml`
    """
    from belay.steps import advise as advising
    from belay.steps.brief_loading import read_brief
    from evaluator.map.advice.rules import advise as ask

    loaded, place = read_brief(brief), home_at(home, base)
    facts = advising.gather(loaded, place, advising.Said(kind, facts_change, cites, cot, replay))
    found = ask(facts)
    if as_json:
        advice = [one.model_dump(mode="json") for one in found]
        typer.echo(json.dumps({"facts": facts.model_dump(mode="json"), "advice": advice}, indent=2))
    else:
        advising.show_advice(facts, found, console_of())
    if write is not None:
        advising.write_run(write, advising.run_text(loaded, brief, place, name, write, found))
        typer.echo(f"{write} is written.", err=True)
