"""`belay brief`: show, check or write a capability brief."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from belay.commands.options import BRIEF
from belay.progress import console_of
from telemetry.errors import UsageError

BriefPath = Annotated[Path, typer.Argument(help="The capability brief.")]

BRIEF_COMMANDS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Show, check or write a capability brief.\n\nExample: `belay brief check brief.yaml`",
)


@BRIEF_COMMANDS.command()
def show(path: BriefPath = BRIEF) -> None:
    """Show a capability brief as a table.

    Example: `belay brief show brief.yaml`
    """
    from belay.steps.brief_loading import read_brief
    from evaluator.briefs.table import brief_table

    console_of().print(brief_table(read_brief(path)))


@BRIEF_COMMANDS.command()
def check(path: BriefPath = BRIEF) -> None:
    """Tell everything that is wrong with a capability brief, and where it is weak. Status 2 where it cannot be used.

    Example: `belay brief check brief.yaml`
    """
    from belay.steps.brief_loading import read_brief
    from evaluator.map.drafting.weaknesses import weaknesses

    loaded, console = read_brief(path), console_of()
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


@BRIEF_COMMANDS.command()
def new(
    path: Annotated[Path, typer.Argument(help="Where the brief is to lie; nothing is overwritten.")],
    answers: Annotated[
        Path | None,
        typer.Option("--from", help="Take the answers from this YAML file (a brief's keys) and ask nothing."),
    ] = None,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Forget the answers of an interrupted interview.")
    ] = False,
    traffic: Annotated[
        str | None,
        typer.Option(
            "--from-traffic",
            help="Find the capabilities in a log (OpenAI, Langfuse, LiteLLM) or in topic:belay.interactions.",
        ),
    ] = None,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="The broker that holds the topic of --from-traffic.")
    ] = None,
    capabilities: Annotated[
        int, typer.Option(min=2, max=50, help="How many capabilities --from-traffic looks for at most.")
    ] = 12,
    sample: Annotated[
        int, typer.Option(min=100, help="How many queries --from-traffic uses at most.")
    ] = 20_000,
) -> None:
    """Ask for a brief step by step and write it, with skeletons of its items and exemplars. Can be interrupted.

    Or find its capabilities in real traffic, and write what is to be reviewed: --from-traffic.

    Example: `belay brief new brief.yaml` or `belay brief new brief.yaml --from-traffic chats.jsonl`
    """
    from belay.steps import brief_new

    console = console_of()
    brief_new.refuse_to_overwrite(path)
    if traffic is not None:
        if answers is not None:
            raise UsageError("--from came with --from-traffic", hint="A brief is made of one of the two.")
        # Brings scikit-learn, which an interview does not need.
        from belay.steps import brief_traffic

        gathered = brief_traffic.traffic_of(traffic, bootstrap_servers, sample)
        brief_traffic.sketch_brief(path, traffic, gathered, capabilities, console)
        return
    if answers is not None:
        brief_new.write_brief(path, brief_new.draft_from(answers), console)
        return
    try:
        draft = brief_new.interview(path, console, afresh=afresh)
    except brief_new.Interrupted:
        raise typer.Exit(brief_new.interrupted(path, console)) from None
    brief_new.write_brief(path, draft, console)
    brief_new.DraftFile.of(path).remove()
