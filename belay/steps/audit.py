"""Baseline and audit as steps of the command line and the demo: each shows its progress and keeps its result."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from json import dumps
from pathlib import Path

from rich.console import Console

from belay.home import Home
from belay.progress import Report, bar
from belay.wiring import engine_version, served_model
from evaluator.audit.asking.answer_cache import AnswerCache
from evaluator.audit.asking.probe import check_candidate, check_models, take_fingerprint
from evaluator.audit.audit import Spent, run_audit
from evaluator.audit.baseline import (
    Baseline,
    Binding,
    binding_of,
    load_baseline,
    record_baseline,
    save_baseline,
)
from evaluator.audit.brief_measures import brief_measures
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.measures.items_measure import ITEMS
from evaluator.audit.measures.measure import Measure, ServedModel
from evaluator.audit.reporting.junit import junit_xml
from evaluator.audit.reporting.report import write_report
from evaluator.audit.reporting.text import markdown as markdown_of
from evaluator.audit.result import AuditResult, load_audit
from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.suite import run_judge_suite
from serving.models.manifest import bind_audit, read_manifest
from telemetry.errors import BelayError, EngineFailed, UsageError
from telemetry.events import AuditRef, now
from telemetry.files import write_renamed


def record(
    home: Home,
    loaded: LoadedBrief,
    base: Path,
    url: str,
    model: str,
    console: Console,
    *,
    anew: bool = False,
    lazy: bool = False,
    keep: bool = True,
) -> Baseline:
    """The baseline of `base`: the one on disk where it was recorded under the same conditions, else a new one.

    With `anew` always a new one, for which only what has changed is asked; without `keep` everything is asked.
    """
    judge = Judge(loaded)
    measures = brief_measures(loaded, judge)
    binding = _binding(loaded, measures, base, judge)
    found = None if anew else _kept(home, binding)
    if found is None:
        with _cache(home, keep=keep) as cache, _going_on_later(), bar(console, "   baseline") as report:
            arm, _ = served_model(base, url, model, cache)
            found = record_baseline(measures, arm, binding, lazy=lazy, progress=_with_rate(report))
            found = found.model_copy(update={"fingerprint": take_fingerprint(arm.model)})
        save_baseline(found, home.baselines)
        if arm.reused:
            console.print(f"   {arm.reused} of {arm.asked + arm.reused} answers were known already")
    else:
        console.print("   the recorded baseline holds: same base, brief, judge, engine and sampling")
    for measure in found.measures:
        console.print(_line(measure.name, measure.measure, found))
    return found


def audit(
    home: Home,
    loaded: LoadedBrief,
    baseline: Baseline,
    candidate: Path,
    url: str,
    model: str,
    console: Console,
    *,
    base: Path | None = None,
    base_url: str | None = None,
    settings: GateSettings | None = None,
    keep: bool = True,
) -> AuditResult:
    """Audit the candidate that answers at `url`, and write its report. `base` is the home's where it is None.

    The candidate's endpoint is probed first. Where base answers at `base_url` it is probed too, and asked what its
    baseline left for later.
    """
    judge, folder = Judge(loaded), base or home.base_model
    measures = brief_measures(loaded, judge)
    with _cache(home, keep=keep) as cache, _going_on_later():
        arm, chat = served_model(candidate, url, model, cache)
        second, base_chat = served_model(folder, base_url, model, cache) if base_url else (None, None)
        _probe(second.model if second else None, baseline, arm.model, console)
        chats = [c for c in (chat, base_chat) if c is not None]
        judges = run_judge_suite(loaded, judge)
        with bar(console, "   audit") as report:
            result = run_audit(
                loaded,
                measures,
                baseline,
                arm,
                refs=(read_manifest(folder).ref, read_manifest(candidate).ref),
                binding=_binding(loaded, measures, folder, judge),
                base=second,
                judges=judges,
                settings=settings,
                spent=lambda: Spent(
                    calls=sum(c.calls for c in chats),
                    tokens=sum(c.tokens for c in chats),
                    damaged=cache.damaged if cache else 0,
                ),
                progress=_with_rate(report),
            )
    write_report(result, home.audit(candidate.name))
    return result


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


def override(home: Home, name: str, by: str, reason: str) -> AuditRef:
    """Bind the override of a candidate's audit into its manifest, and record it beside the audit.

    Raises UsageError where the audit passed, where name or reason is empty, or where it was of another candidate.
    """
    manifest = read_manifest(home.model(name))
    result = load_audit(home.audit(name) / "audit.json")
    if result.candidate.sha256 != manifest.sha256:
        raise UsageError(
            f"the audit of {name!r} was of a candidate with sha256 {result.candidate.sha256[:12]}, the one in "
            f"{home.model(name)} has {manifest.sha256[:12]}",
            hint=f"Audit the one that is there: `belay audit {name}`.",
        )
    ref = result.to_ref(override_by=by, override_reason=reason)
    record = {"at": now().isoformat(), "candidate_sha256": manifest.sha256, **ref.model_dump(mode="json")}
    write_renamed(home.audit(name) / "override.json", (dumps(record, indent=2) + "\n").encode())
    bind_audit(home.model(name), ref)
    return ref


def _probe(base: ServedModel | None, baseline: Baseline, candidate: ServedModel, console: Console) -> None:
    """Refuse a candidate's endpoint that serves base, or renders chats its own way; say what could not be checked."""
    if base is not None:
        report = check_models(base, candidate)
    else:
        report = check_candidate(baseline.fingerprint, baseline.binding.base_sha256, candidate)
    for line in report.lines:
        console.print(f"   [dim]{line}[/]")


def _kept(home: Home, binding: Binding) -> Baseline | None:
    try:
        found = load_baseline(home.baselines, binding.base_sha256)
        found.require(binding)
    except BelayError:
        return None
    return found


def _binding(loaded: LoadedBrief, measures: tuple[Measure, ...], base: Path, judge: Judge) -> Binding:
    return binding_of(
        loaded,
        measures,
        base_sha256=read_manifest(base).sha256,
        judge_version=judge.version,
        engine_version=engine_version(),
    )


@contextmanager
def _cache(home: Home, *, keep: bool) -> Iterator[AnswerCache | None]:
    """The answers that were asked before, of any model; None where nothing is to be kept or reused."""
    if not keep:
        yield None
        return
    with AnswerCache(home.answers) as cache:
        yield cache
        if cache.damaged:
            # Said by the audit's report too; a baseline has none.
            Console(stderr=True).print(f"   {cache.damaged} kept answers were damaged and were asked again")


@contextmanager
def _going_on_later() -> Iterator[None]:
    """Say of an engine that failed that nothing is lost."""
    try:
        yield
    except EngineFailed as error:
        raise EngineFailed(
            error.message,
            hint=f"{error.hint} What was answered is kept: the same command goes on where this one ended.".strip(),
        ) from error


def _with_rate(report: Report) -> Report:
    """The same progress, with items a second in its note, counted from the first report on."""
    began = 0.0
    before: int | None = None

    def rated(done: int, total: int, note: str) -> None:
        nonlocal began, before
        if before is None:
            began, before = time.monotonic(), done
        elapsed = time.monotonic() - began
        rate = f"{(done - before) / elapsed:.1f}/s  " if elapsed > 1.0 else ""
        report(done, total, f"{rate}{note}")

    return rated


def _line(capability: str, measure: str, baseline: Baseline) -> str:
    found = baseline.measure(capability, measure)
    name = capability.replace("_", " ") if measure == ITEMS else f"  {measure}"
    if not found.recorded:
        return f"   {name:<24}{'later':>9}  an audit asks base when it needs it"
    mean = "unscored" if found.mean is None else f"{found.mean:.0%}"
    floor = f"  at the floor: {found.at_floor}" if found.at_floor else ""
    return f"   {name:<24}{mean:>9}  of {found.n}{floor}"
