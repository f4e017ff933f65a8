"""The audit as a step of command, training and demo: engines, probe, questions, report, and what is shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from belay.engines import Engines
from belay.progress import bar
from belay.steps.asking import Asking, HttpChat, ModelAt, going_on_later, served_model, version_of, with_rate
from belay.steps.baseline import binding_for
from belay.steps.referencing import keep_reference_of
from belay.steps.teaching import teach_judge, wants_likelihoods
from evaluator.audit.asking.answer_cache import AnswerCache
from evaluator.audit.asking.probe import check_candidate, check_models
from evaluator.audit.audit import Spent, run_audit
from evaluator.audit.baseline import Baseline
from evaluator.audit.brief_measures import brief_measures
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.measures.measure import ServedModel
from evaluator.audit.reporting.junit import junit_xml
from evaluator.audit.reporting.report import write_report
from evaluator.audit.reporting.text import audit_table
from evaluator.audit.reporting.text import markdown as markdown_of
from evaluator.audit.result import AuditResult
from evaluator.audit.state import Asked
from evaluator.judge.judges.client import JudgeClient
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.likelihood import Likelihoods
from evaluator.judge.judges.suite import run_judge_suite
from serving.engines.address import ModelAddress
from serving.engines.identity_probes import engine_of
from serving.models.store import StoredModel
from telemetry.errors import EngineFailed, SettingsError
from telemetry.files import write_renamed


@dataclass(frozen=True, slots=True)
class Contest:
    """What an audit compares. An address that is None is that of an engine started for it.

    Base is asked only what its baseline left for later, so that one which answers nowhere is seldom started.
    """

    baseline: Baseline
    base: StoredModel
    candidate: StoredModel
    base_at: ModelAddress | None = None
    candidate_at: ModelAddress | None = None
    settings: GateSettings = field(default_factory=GateSettings)


def audit(asking: Asking, contest: Contest, engines: Engines) -> AuditResult:
    """Audit the candidate, and write its report, its answers and the judge that they teach into the home.

    The candidate's endpoint is probed first, and base's where it answers too; by what they answer they are known again
    wherever they are served. Raises ProbeFailed, AttestationError, BaselineError, EngineFailed and JudgeFailed.
    """
    candidate, base = _served(contest, engines, asking.console)
    judge = Judge(asking.loaded)
    measures = brief_measures(asking.loaded, judge)
    asked: list[Asked] = []
    with asking.cache() as cache, going_on_later():
        arm, chat = served_model(candidate, asking.models, cache)
        second, base_chat = served_model(base, asking.models, cache) if base else (None, None)
        _probe(second.model if second else None, contest.baseline, arm.model, asking.console)
        for where in (base, candidate):
            if where is not None:
                keep_reference_of(where, asking)
        with bar(asking.console, "   audit") as report:
            result = run_audit(
                asking.loaded,
                measures,
                contest.baseline,
                arm,
                refs=(contest.base.ref, contest.candidate.ref),
                binding=binding_for(asking, measures, contest.base, judge, version_of(candidate)),
                base=second,
                judges=run_judge_suite(asking.loaded, judge),
                settings=contest.settings,
                asked_of=asked.extend,
                spent=lambda: _spent([c for c in (chat, base_chat) if c is not None], cache),
                progress=with_rate(report),
            )
    write_report(result, asking.home.audit(contest.candidate.name))
    likelihoods = _likelihoods(contest, base, engines) if wants_likelihoods(asking.loaded) else None
    teach_judge(asking, asked, contest.base, contest.candidate, judge, likelihoods)
    return result


def show(result: AuditResult, report: Path, console: Console) -> None:
    """Print an audit: table, findings, verdict, and where its report lies."""
    console.print(audit_table(result))
    for finding in result.findings:
        console.print(f"   - {finding}")
    console.print(f"   Verdict: [bold]{result.verdict}[/]. Report: {report}", soft_wrap=True)


def write_copies(
    result: AuditResult, *, junit: Path | None, json: Path | None, markdown: Path | None
) -> None:
    """Write the audit for CI to the files that are named."""
    for path, content in (
        (junit, junit_xml(result)),
        (json, result.content),
        (markdown, markdown_of(result).encode()),
    ):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_renamed(path, content)


def _served(contest: Contest, engines: Engines, console: Console) -> tuple[ModelAt, ModelAt | None]:
    """Candidate and base as they answer; base is None where its baseline says all of it and nobody serves it."""
    wanted = [contest.candidate] if contest.candidate_at is None else []
    base_at = contest.base_at
    if base_at is None and not all(measure.recorded for measure in contest.baseline.measures):
        wanted.append(contest.base)
    elif base_at is None:
        base_at = _of_others(contest.base, console)
    started = dict(zip((model.folder for model in wanted), engines.serve(wanted), strict=True))
    candidate_at = contest.candidate_at or started[contest.candidate.folder]
    base_at = base_at or started.get(contest.base.folder)
    return ModelAt(contest.candidate, candidate_at), ModelAt(contest.base, base_at) if base_at else None


def _likelihoods(contest: Contest, base: ModelAt | None, engines: Engines) -> Likelihoods:
    """Who tells how likely base finds an answer: its engine, started for this where nobody serves it."""
    address = base.address if base is not None else engines.serve([contest.base])[0]
    return Likelihoods(JudgeClient(address.root, address.model, api_key_env=address.key_env))


def _of_others(base: StoredModel, console: Console) -> ModelAddress | None:
    """Where a base answers that others run, so that it is probed too; where it is away its baseline does for it."""
    if base.manifest.engine is None:
        return None
    try:
        address = ModelAddress.of(base.manifest.engine)
        engine_of(address)
    except (EngineFailed, SettingsError) as error:
        console.print(f"   [dim]base is probed by what its baseline kept of it: {escape(error.message)}[/]")
        return None
    return address


def _probe(base: ServedModel | None, baseline: Baseline, candidate: ServedModel, console: Console) -> None:
    """Refuse a candidate's endpoint that serves base, or renders chats its own way; say what could not be checked."""
    if base is not None:
        report = check_models(base, candidate)
    else:
        report = check_candidate(baseline.fingerprint, baseline.binding.base_sha256, candidate)
    for line in report.lines:
        console.print(f"   [dim]{line}[/]")


def _spent(chats: Sequence[HttpChat], cache: AnswerCache | None) -> Spent:
    return Spent(
        calls=sum(c.calls for c in chats),
        tokens=sum(c.tokens for c in chats),
        damaged=cache.damaged if cache else 0,
    )
