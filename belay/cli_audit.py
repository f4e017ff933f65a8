"""The commands that measure: baseline and audit."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from belay.cli_options import (
    ALIAS,
    BRIEF,
    HOME,
    OFFLINE,
    BriefFile,
    EngineUrl,
    HomeFolder,
    ModelName,
    started,
)
from belay.home import Home
from belay.progress import console_of


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(rich_help_panel=OFFLINE)(baseline)
    app.command(rich_help_panel=OFFLINE)(audit)


def baseline(
    home: HomeFolder = HOME, brief: BriefFile = BRIEF, url: EngineUrl = None, model: ModelName = ALIAS
) -> None:
    """Record what base can do, capability by capability."""
    from belay import offline, offline_audit  # noqa: PLC0415 - torch and vLLM's side are heavy
    from evaluator.brief import load_brief  # noqa: PLC0415 - as above

    place, loaded, console = Home(home.resolve()), load_brief(brief), console_of()
    base = offline.prepare(place, console)
    with ExitStack() as parts:
        where = url or started(parts, place, base, model, console)
        offline_audit.record(place, loaded, base, where, model, console, anew=True)


def audit(
    name: Annotated[str, typer.Argument(help="The candidate's name.")],
    home: HomeFolder = HOME,
    brief: BriefFile = BRIEF,
    url: EngineUrl = None,
    model: ModelName = ALIAS,
) -> None:
    """Compare a candidate with the baseline. Status 0 pass, 1 fail, 3 inconclusive."""
    from belay import offline_audit  # noqa: PLC0415 - as above
    from evaluator.baseline import load_baseline  # noqa: PLC0415 - as above
    from evaluator.brief import load_brief  # noqa: PLC0415 - as above
    from evaluator.report import audit_table  # noqa: PLC0415 - as above
    from serving.manifest import bind_audit, read_manifest  # noqa: PLC0415 - as above

    place, loaded, console = Home(home.resolve()), load_brief(brief), console_of()
    known = load_baseline(place.baselines, read_manifest(place.base_model).sha256)
    with ExitStack() as parts:
        where = url or started(parts, place, place.model(name), model, console)
        result = offline_audit.audit(place, loaded, known, place.model(name), where, model, console)
    bind_audit(place.model(name), result.to_ref())
    console.print(audit_table(result))
    console.print(f"   Verdict: [bold]{result.verdict}[/]. Report: {place.audit(name)}/report.html")
    raise typer.Exit(result.exit_code)
