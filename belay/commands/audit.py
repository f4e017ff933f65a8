"""The commands that measure: baseline, audit, and the override of an audit."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from belay.commands.options import ALIAS, BRIEF, HOME, BriefFile, EngineUrl, HomeFolder, ModelName
from belay.home import Home
from belay.progress import console_of
from belay.steps import audit as auditing
from belay.steps import prepare as preparing
from belay.wiring import started
from evaluator.audit.baseline import load_baseline
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.reporting.text import audit_table
from evaluator.briefs.brief import load_brief
from serving.models.manifest import bind_audit, read_manifest

CandidateName = Annotated[str, typer.Argument(help="The candidate's name.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Ask everything, also what was answered before.")]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        help="An engine that serves base: both are probed, and base is asked what a lazy baseline left."
    ),
]
ApprovedBy = Annotated[
    str | None, typer.Option("--approve-by", help="Who approves the candidate where it passes; recorded.")
]
JunitFile = Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML to this file.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the whole audit to this file.")]
MarkdownFile = Annotated[
    Path | None, typer.Option("--markdown", help="Write a summary for a pull request to this file.")
]


def baseline(
    home: HomeFolder = HOME,
    brief: BriefFile = BRIEF,
    url: EngineUrl = None,
    model: ModelName = ALIAS,
    lazy: Annotated[
        bool, typer.Option("--lazy", help="Leave the benchmarks for audits, which ask base what they need.")
    ] = False,
    no_cache: NoCache = False,
) -> None:
    """Record what base can do, measure by measure. What has not changed since is not asked again."""
    place, loaded, console = Home(home.resolve()), load_brief(brief), console_of()
    base = preparing.prepare(place, console)
    with ExitStack() as parts:
        where = url or started(parts, place, base, model, console)
        auditing.record(place, loaded, base, where, model, console, anew=True, lazy=lazy, keep=not no_cache)


def audit(
    name: CandidateName,
    home: HomeFolder = HOME,
    brief: BriefFile = BRIEF,
    url: EngineUrl = None,
    model: ModelName = ALIAS,
    base_url: BaseUrl = None,
    seed: Annotated[int, typer.Option(help="The random order in which items are met.")] = 7,
    first_fail: Annotated[
        bool, typer.Option("--first-fail", help="Stop at the first failure, which settles the verdict.")
    ] = False,
    approve_by: ApprovedBy = None,
    junit: JunitFile = None,
    json: JsonFile = None,
    markdown: MarkdownFile = None,
    no_cache: NoCache = False,
) -> None:
    """Compare a candidate with the baseline. Status 0 pass, 1 fail, 3 inconclusive.

    Items are asked until every verdict is certain, and no longer. An audit that was interrupted goes on.
    """
    place, loaded, console = Home(home.resolve()), load_brief(brief), console_of()
    known = load_baseline(place.baselines, read_manifest(place.base_model).sha256)
    candidate = place.model(name)
    read_manifest(candidate)
    with ExitStack() as parts:
        where = url or started(parts, place, candidate, model, console)
        if base_url is None and not all(m.recorded for m in known.measures):
            base_url = started(parts, place, place.base_model, model, console)
        result = auditing.audit(
            place,
            loaded,
            known,
            candidate,
            where,
            model,
            console,
            base_url=base_url,
            settings=GateSettings(seed=seed, first_fail=first_fail),
            keep=not no_cache,
        )
    approver = approve_by if result.verdict == "pass" else None
    bind_audit(candidate, result.to_ref(approved_by=approver))
    auditing.write_copies(result, junit=junit, json=json, markdown=markdown)
    console.print(audit_table(result))
    for finding in result.findings:
        console.print(f"   - {finding}")
    console.print(f"   Verdict: [bold]{result.verdict}[/]. Report: {place.audit(name)}/report.html")
    if approve_by is not None:
        said = f"Approved by {approve_by}" if approver else f"Not approved: the verdict is {result.verdict}"
        console.print(f"   {said}.")
    raise typer.Exit(result.exit_code)


def override(
    name: CandidateName,
    by: Annotated[str, typer.Option(help="Who overrides the audit.")],
    reason: Annotated[str, typer.Option(help="Why the candidate may go on all the same.")],
    home: HomeFolder = HOME,
) -> None:
    """Let a candidate go on whose audit did not pass, under your name. Refused where it passed."""
    place, console = Home(home.resolve()), console_of()
    ref = auditing.override(place, name, by, reason)
    console.print(f"   The audit's verdict stays {ref.verdict}. Overridden by {by}: {reason}")
    console.print(f"   Recorded in {place.model(name)}/manifest.json and {place.audit(name)}/override.json")
