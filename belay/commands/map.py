"""The commands of the capability map: the brief, the traffic measured against it, and what follows from both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from belay.commands.options import BRIEF, HOME, OFFLINE, BriefFile, HomeFolder
from belay.home import Home
from belay.progress import console_of
from evaluator.briefs.schema import FactsChange, Kind

BriefPath = Annotated[Path, typer.Argument(help="The capability brief.")]

_BRIEF = typer.Typer(no_args_is_help=True, help="Show, check or write a capability brief.")
_MAP = typer.Typer(no_args_is_help=True, help="Measure the capability map on production traffic.")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(_BRIEF, name="brief", rich_help_panel=OFFLINE)
    app.add_typer(_MAP, name="map", rich_help_panel=OFFLINE)
    app.command(rich_help_panel=OFFLINE)(advise)


@_BRIEF.command()
def show(path: BriefPath = BRIEF) -> None:
    """Show a capability brief as a table."""
    from evaluator.briefs.brief import load_brief  # noqa: PLC0415 - light commands do not wait for scipy
    from evaluator.briefs.table import brief_table  # noqa: PLC0415 - as above

    console_of().print(brief_table(load_brief(path)))


@_BRIEF.command()
def check(path: BriefPath = BRIEF) -> None:
    """Tell everything that is wrong with a capability brief, and where it is weak. Status 2 where it cannot be used."""
    from evaluator.briefs.brief import load_brief  # noqa: PLC0415 - as above
    from evaluator.map.drafting.weaknesses import weaknesses  # noqa: PLC0415 - as above

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


@_BRIEF.command()
def new(
    path: Annotated[Path, typer.Argument(help="Where the brief is to lie; nothing is overwritten.")],
    answers: Annotated[
        Path | None,
        typer.Option("--from", help="Take the answers from this YAML file (a brief's keys) and ask nothing."),
    ] = None,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Forget the answers of an interrupted interview.")
    ] = False,
) -> None:
    """Ask for a brief step by step and write it, with skeletons of its items and exemplars. Can be interrupted."""
    from belay.steps import brief_new  # noqa: PLC0415 - as above

    console = console_of()
    brief_new.refuse_to_overwrite(path)
    if answers is not None:
        brief_new.write_brief(path, brief_new.draft_from(answers), console)
        return
    try:
        draft = brief_new.interview(path, console, afresh=afresh)
    except brief_new.Interrupted:
        raise typer.Exit(brief_new.interrupted(path, console)) from None
    brief_new.write_brief(path, draft, console)
    brief_new.DraftFile.of(path).remove()


@_MAP.command()
def measure(
    brief: BriefFile = BRIEF,
    bootstrap_servers: Annotated[
        str, typer.Option(help="The broker that holds belay.interactions.")
    ] = "127.0.0.1:9092",
    group: Annotated[
        str | None,
        typer.Option(help="Go on from where this consumer group stopped, and remember where this ends."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only from then on: 2026-03-01, or an age such as 7d, 12h.")
    ] = None,
    newest: Annotated[int | None, typer.Option("--max", min=1, help="Only the newest so many.")] = None,
    examples: Annotated[int, typer.Option(min=0, help="Groups of untagged prompts to show.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Write the shares into the brief; comments stay.")
    ] = False,
) -> None:
    """Measure each capability's share of production queries. Status 3 where no query can be tagged."""
    from belay.steps import measure as measuring  # noqa: PLC0415 - kafka and scikit-learn are of this command only
    from evaluator.briefs.brief import load_brief  # noqa: PLC0415 - as above
    from evaluator.map.mapping.reading import Window, since_of  # noqa: PLC0415 - as above
    from evaluator.map.mapping.table import show_measurement  # noqa: PLC0415 - as above
    from telemetry.events import now  # noqa: PLC0415 - as above

    console = Console(stderr=True, highlight=False) if as_json else console_of()
    window = Window(since_of(since, now()) if since else None, newest, group)
    bus = measuring.bus_at(bootstrap_servers)
    found = measuring.measure_traffic(load_brief(brief), bus, window, console, examples)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        show_measurement(found, console)
    if not found.queries:
        raise typer.Exit(3)
    if write:
        measuring.write_shares(brief, found, console)


def advise(
    brief: BriefFile = BRIEF,
    home: HomeFolder = HOME,
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
    """Advise, from the brief: fine-tune or retrieve, data mix, EWC-LoRA or SAM, merging; with every reason."""
    from belay.steps import advise as advising  # noqa: PLC0415 - scipy is of this command only
    from evaluator.briefs.brief import load_brief  # noqa: PLC0415 - as above
    from evaluator.map.advice.rules import advise as ask  # noqa: PLC0415 - as above

    loaded, place = load_brief(brief), Home(home.resolve())
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
