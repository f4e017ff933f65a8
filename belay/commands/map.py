"""`belay map`: the capability map, measured on traffic."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from belay.commands.options import BRIEF, BriefFile
from belay.progress import console_of
from telemetry.events import now

MAP_COMMANDS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Measure the capability map on production traffic, and widen it.\n\nExample: `belay map measure --since 30d`",
)


@MAP_COMMANDS.command()
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
    tagger: Annotated[
        Path | None,
        typer.Option(help="A tagger of `belay tagger train`; else one is fitted."),
    ] = None,
    examples: Annotated[int, typer.Option(min=0, help="Groups of untagged prompts to show.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Write the shares into the brief; comments stay.")
    ] = False,
) -> None:
    """Measure each capability's share of production queries. Status 3 where no query can be tagged.

    Example: `belay map measure --brief brief.yaml --bootstrap-servers kafka:9092 --since 30d`
    """
    from belay.steps import measure as measuring
    from belay.steps.brief_loading import read_brief
    from belay.wiring import bus_at
    from evaluator.map.mapping.reading import Window, since_of
    from evaluator.map.mapping.table import show_measurement

    console = Console(stderr=True, highlight=False) if as_json else console_of()
    window = Window(since_of(since, now()) if since else None, newest, group)
    bus = bus_at(bootstrap_servers)
    found = measuring.measure_traffic(read_brief(brief), bus, window, console, examples, tagger)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        show_measurement(found, console)
    if not found.queries:
        raise typer.Exit(3)
    if write:
        measuring.write_shares(brief, found, console)


@MAP_COMMANDS.command()
def suggest(
    traffic: Annotated[str, typer.Argument(help="A log of requests, or topic:NAME on a broker.")],
    brief: BriefFile = BRIEF,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="The broker that holds the topic of topic:NAME.")
    ] = None,
    tagger: Annotated[
        Path | None,
        typer.Option(help="A tagger of `belay tagger train`; else one is fitted."),
    ] = None,
    most: Annotated[int, typer.Option(min=2, max=50, help="How many candidates are looked for.")] = 12,
    sample: Annotated[int, typer.Option(min=100, help="How many queries are used at most.")] = 20_000,
    labels: Annotated[
        Path | None,
        typer.Option(help="Write exemplars here, to be labelled for `belay tagger train --corrected`."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Group the traffic that no capability covers into candidates: names, shares, exemplars.

    Example: `belay map suggest topic:belay.interactions --bootstrap-servers kafka:9092 --labels unknown.jsonl`
    """
    from belay.steps import map_suggest
    from belay.steps.brief_loading import read_brief

    console = Console(stderr=True, highlight=False) if as_json else console_of()
    found = map_suggest.suggest_capabilities(
        read_brief(brief),
        traffic,
        bootstrap_servers,
        console,
        tagger=tagger,
        sample=sample,
        most=most,
    )
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        map_suggest.show_suggestion(found, console)
    if labels is not None:
        map_suggest.write_for_labels(labels, found)
        console.print(f"{labels} is written: put capabilities where they are null.", markup=False)
