"""`belay review`: people grade answers without knowing which arm gave them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from belay.commands.options import ProjectFile
from belay.progress import console_of
from belay.project import FILE, load_project
from telemetry.errors import UsageError

if TYPE_CHECKING:
    from belay.steps.review import Asked, Summary
    from telemetry.bus.protocols import Bus


def review(
    rollout: Annotated[
        str | None,
        typer.Argument(help="The rollout whose answers.", show_default="the live one, else the latest"),
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Your name; it is recorded with each grade.")] = None,
    file: ProjectFile = FILE,
    sample: Annotated[float, typer.Option(help="The fraction of interactions that is shown.")] = 0.05,
    each: Annotated[
        int | None,
        typer.Option(min=1, help="About so many interactions of every capability, in place of --sample."),
    ] = None,
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Only what both arms were asked: both answers, one at a time.")
    ] = False,
    most: Annotated[int | None, typer.Option("--max", min=1, help="At most so many answers.")] = None,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write the answers to this file, to be graded elsewhere.")
    ] = None,
    take: Annotated[
        Path | None, typer.Option("--import", help="Publish the grades of such a file, all or none.")
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="What the grades so far say of every judge; grades nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Grade sampled answers without knowing which arm gave them; say what the grades make of the other judges.

    Shown are the conversation and one answer; a grade is 1 to 5, or a fraction such as 0.8, and a note may follow it.

    Example: `belay review --by Ada --each 20 --pairs` or `belay review --report --json`
    """
    from belay.wiring import bus_of

    if sum((export is not None, take is not None, report)) > 1:
        raise UsageError("--export, --import and --report are three things to do; one at a time")
    bus = bus_of(load_project(file))
    console = Console(stderr=True, highlight=False) if as_json else console_of()
    if report:
        _report(bus, rollout, console, as_json=as_json)
        return
    if not by:
        raise UsageError("grades need a name", hint="Say whose they are: --by YOU.")
    from belay.steps import review as step
    from evaluator.judge.reviewing.cases import Drawing

    asked = step.Asked(by, rollout, Drawing(sample, each, pairs), most)
    summary = _done(bus, asked, export, take, console)
    if as_json:
        typer.echo(json.dumps(asdict(summary), indent=2))
    else:
        console.print(summary.told(), markup=False)


def _done(bus: Bus, asked: Asked, export: Path | None, take: Path | None, console: Console) -> Summary:
    from belay.steps import review as step

    if export is not None:
        return step.export(bus, asked, export, console)
    if take is not None:
        return step.take_in(bus, asked, take, console)
    return step.review(bus, asked, console, console.input)


def _report(bus: Bus, rollout: str | None, console: Console, *, as_json: bool) -> None:
    from belay.steps import review as step

    spec, found = step.report(bus, rollout, console)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for line in step.report_lines(spec, found):
        console.print(line, markup=False, soft_wrap=True)
