"""The commands that measure: baseline, audit, and the override of an audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from belay.commands.completing import models
from belay.commands.options import (
    ALIAS,
    BRIEF,
    HOME,
    BaseName,
    BriefFile,
    EngineUrl,
    HomeFolder,
    KeyEnv,
    ModelName,
)
from belay.home import Home
from belay.progress import console_of

CandidateName = Annotated[
    str,
    typer.Argument(
        help="The candidate's name, or an adapter's.", autocompletion=models("candidate", "adapter")
    ),
]
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
    base: BaseName = None,
    url: EngineUrl = None,
    model: ModelName = ALIAS,
    key_env: KeyEnv = None,
    lazy: Annotated[
        bool, typer.Option("--lazy", help="Leave the benchmarks for audits, which ask base what they need.")
    ] = False,
    no_cache: NoCache = False,
) -> None:
    """Record what base can do, measure by measure. What has not changed since is not asked again.

    Example: `belay baseline --brief brief.yaml` or `belay baseline --url http://gpu-7:8000 --model mine`
    """
    from belay.engines import Engines
    from belay.steps import baseline as recording
    from belay.steps import prepare as preparing
    from belay.steps.asking import Asking, ModelAt
    from belay.steps.brief_loading import read_brief
    from serving.engines.address import ModelAddress

    place, console = Home(home.resolve()), console_of()
    asking = Asking(place, read_brief(brief), console, keep=not no_cache)
    chosen = preparing.base_of(place, base, console)
    with Engines(asking.models, model, place.logs, console) as engines:
        where = ModelAddress(url, model, key_env) if url else engines.serve([chosen])[0]
        recording.record(asking, ModelAt(chosen, where), anew=True, lazy=lazy)


def audit(
    name: CandidateName,
    home: HomeFolder = HOME,
    brief: BriefFile = BRIEF,
    url: EngineUrl = None,
    model: ModelName = ALIAS,
    key_env: KeyEnv = None,
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
    """Compare a candidate with the baseline of its base. Status 0 pass, 1 fail, 3 inconclusive.

    Items are asked until every verdict is certain, and no longer. An audit that was interrupted goes on.

    Example: `belay audit support-2` or, in CI, `belay audit support-2 --junit audit.xml --markdown summary.md`
    """
    from belay.engines import Engines
    from belay.steps import audit as auditing
    from belay.steps.asking import Asking
    from belay.steps.brief_loading import read_brief
    from evaluator.audit.baseline import load_baseline
    from evaluator.audit.diff.settings import GateSettings
    from serving.engines.address import ModelAddress
    from serving.models.manifest import bind_audit

    place, console = Home(home.resolve()), console_of()
    asking = Asking(place, read_brief(brief), console, keep=not no_cache)
    candidate = asking.models.get(name)
    base = asking.models.base_of(candidate)
    contest = auditing.Contest(
        load_baseline(place.baselines, base.manifest.sha256),
        base,
        candidate,
        base_at=ModelAddress(base_url, model, key_env) if base_url else None,
        candidate_at=ModelAddress(url, model, key_env) if url else None,
        settings=GateSettings(seed=seed, first_fail=first_fail),
    )
    with Engines(asking.models, model, place.logs, console) as engines:
        result = auditing.audit(asking, contest, engines)
    approver = approve_by if result.verdict == "pass" else None
    bind_audit(candidate.folder, result.to_ref(approved_by=approver))
    auditing.write_copies(result, junit=junit, json=json, markdown=markdown)
    auditing.show(result, place.audit(name) / "report.html", console)
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
    """Let a candidate go on whose audit did not pass, under your name. Refused where it passed.

    Example: `belay override support-2 --by Ada --reason "rhymes are no use of ours"`
    """
    from belay.steps import override as overriding

    place, console = Home(home.resolve()), console_of()
    ref = overriding.override(place, name, by, reason)
    console.print(f"   The audit's verdict stays {ref.verdict}. Overridden by {by}: {reason}")
    console.print(f"   Recorded in {place.model(name)}/manifest.json and {place.audit(name)}/override.json")
