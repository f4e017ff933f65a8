"""`belay demo`: the whole story on one machine, on real parts. Read it from `run_demo` downwards."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table

from belay.engines import Engines
from belay.home import Home
from belay.launcher import live
from belay.launcher.embedded_broker import EmbeddedBroker
from belay.launcher.rollout_run import RolloutRun, Tick, run_rollout
from belay.launcher.turns import turns_of
from belay.launcher.unseen import DEFAULT, Source
from belay.progress import bar
from belay.steps import audit as auditing
from belay.steps import prepare as preparing
from belay.steps import train as training
from belay.steps.asking import Asking, ModelAt
from belay.steps.baseline import record
from belay.steps.teaching import calibrations_of
from belay.wiring import bus_at, engine_for, half_of_the_cores
from evaluator.audit.reporting.text import audit_table
from evaluator.audit.result import AuditResult
from evaluator.briefs.brief import load_brief
from evaluator.briefs.table import brief_table
from evaluator.watch.planning.terms import rollout_spec
from evaluator.watch.reporting.page import facts, headline
from evaluator.watch.reporting.summary import Summary
from serving.engines.address import ModelAddress
from serving.engines.arms import Endpoint
from serving.engines.vllm_engine import VllmEngine
from serving.models.manifest import bind_audit, read_manifest
from serving.models.store import ModelStore
from serving.server import free_port
from telemetry.events import Arm, AuditRef, Stage

ALIAS = "support"
CANDIDATE = "support-naive"
LINGER_S: Final = 60.0
"""How long the dashboard stays after the story, where somebody watches."""
OVERRIDE_BY = "belay demo"
OVERRIDE_REASON = "the demo shows that the rollout catches what the audit has already caught"
STAGES = (
    Stage(share=0.05, min_units=25),
    Stage(share=0.25, min_units=60),
    Stage(share=0.50, min_units=100),
)
"""Of prompts that stand in no file about one in eight becomes a unit: the target's, half of them, only as pairs."""


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """The demo's few choices.

    `identical` rolls base out against itself: nothing may fire. `bootstrap` is a Kafka that runs already, which keeps
    what happened; without it the demo starts the embedded broker, which forgets. `traffic` is where the prompts come
    from.
    """

    home: Path
    brief: Path
    requests: int = 1600
    seed: int = 7
    shadow: float = 0.5
    identical: bool = False
    bootstrap: str | None = None
    traffic: Source = DEFAULT


def run_demo(settings: DemoSettings, console: Console) -> Summary:
    """Prepare, map, measure, train, audit, override, roll out, sum up. Raises BelayError; leaves nothing running."""
    began = time.monotonic()
    home = Home(settings.home.resolve())
    loaded = load_brief(settings.brief.resolve())
    if settings.bootstrap is not None:  # minutes of work would be for nothing if it were not there
        bus_at(settings.bootstrap, None).ensure_topics()
    written = home.root / f"unseen-{settings.seed}.jsonl"
    turns = turns_of(settings.traffic, loaded, settings.requests, settings.seed, written)
    with ExitStack() as parts:
        _heading(console, 1, "The base model")
        base = preparing.prepare(home, console)
        _heading(console, 2, "What users rely on")
        console.print(brief_table(loaded))
        control = _engine(parts, home, base, "control", console)
        _heading(console, 3, "Baseline: what base can do, before anything is trained")
        asking, store = Asking(home, loaded, console), ModelStore(home.models)
        control_at = ModelAt(store.get(base.name), ModelAddress(control.url, ALIAS))
        baseline = record(asking, control_at)
        candidate = control
        audit: AuditResult | None = None
        if settings.identical:
            console.print("   The candidate is base itself: no training, no audit; nothing may fire.")
        else:
            _heading(console, 4, "Fine-tune on the target alone, the naive way")
            folder = training.train(home, loaded, base, CANDIDATE, console)
            candidate = _engine(parts, home, folder, "candidate", console)
            _heading(console, 5, "Audit: candidate against base, item by item")
            contest = auditing.Contest(
                baseline,
                control_at.model,
                store.get(folder.name),
                base_at=control_at.address,
                candidate_at=ModelAddress(candidate.url, ALIAS),
            )
            engines = parts.enter_context(Engines(store, ALIAS, home.logs, console))
            audit = auditing.audit(asking, contest, engines)
            bind_audit(folder, audit.to_ref())
            console.print(audit_table(audit))
            console.print(_verdict(audit, home))
        _heading(console, 6, "Roll out: 5 -> 25 -> 50%, watched")
        bootstrap = settings.bootstrap or _embedded(parts, home)
        spec = rollout_spec(
            loaded,
            baseline,
            base=read_manifest(base).ref,
            candidate=read_manifest(base if audit is None else home.model(CANDIDATE)).ref,
            alias=ALIAS,
            stages=STAGES,
            shadow=settings.shadow,
            audit=_audit_ref(audit, read_manifest(base).sha256),
            calibrations=calibrations_of(home, loaded, store.get(CANDIDATE)) if audit is not None else {},
        )
        run = RolloutRun(
            spec=spec,
            brief=settings.brief.resolve(),
            turns=turns,
            control=Endpoint(arm="control", url=control.url),
            candidate=Endpoint(arm="candidate", url=candidate.url),
            bootstrap=bootstrap,
            folder=home.run(spec.rollout_id),
            models=home.models,
            learned=home.learned_judge(spec.candidate.name),
        )
        return _show_rollout(run, console, lambda summary: _close(summary, settings, home, console, began))


def _close(summary: Summary, settings: DemoSettings, home: Home, console: Console, began: float) -> None:
    """Say what happened and what is left of it."""
    _heading(console, 7, "What happened")
    show_summary(summary, console)
    console.print(
        f"   [dim]{home.run(summary.rollout_id).root}/summary.html and summary.png hold this for later.[/]"
    )
    if settings.bootstrap is not None and summary.outcome == "rolled_back":
        console.print(
            "   [dim]What users asked is still in Kafka; to train again with what sank this rollout rehearsed:[/]\n"
            f"   belay repair {summary.rollout_id} --bootstrap-servers {settings.bootstrap}",
            soft_wrap=True,
        )
    console.print(f"   [dim]The whole demo took {(time.monotonic() - began) / 60:.1f} minutes.[/]")


def _embedded(parts: ExitStack, home: Home) -> str:
    broker = parts.enter_context(EmbeddedBroker(free_port(), home.logs / "broker.log"))
    return broker.bootstrap_servers


def show_summary(summary: Summary, console: Console) -> None:
    """Print the closing summary."""
    style = "bold white on red" if summary.outcome == "rolled_back" else "bold white on green"
    console.print(f"   [{style}] {headline(summary)} [/]")
    console.print(f"   {summary.reason}")
    table = Table(box=None, padding=(0, 1), show_header=False)
    for value, label in facts(summary):
        table.add_row(f"[bold]{value}[/]", label)
    console.print(table)


def _show_rollout(run: RolloutRun, console: Console, close: Callable[[Summary], None]) -> Summary:
    console.print(
        f"   {len(run.turns):,} requests through the router, {run.concurrency} at a time; "
        f"everything of this run lies in {run.folder.root}"
    )
    if not console.is_terminal:
        return _log_rollout(run, console, close)
    dashboard = ""
    with Live(console=console, refresh_per_second=4) as screen:

        def on_start(control_url: str) -> None:
            nonlocal dashboard
            dashboard = control_url
            _say_dashboard(console, control_url)

        def on_over(summary: Summary) -> None:
            screen.stop()
            close(summary)
            linger(console, dashboard, sys.stdin)

        return run_rollout(run, lambda tick: screen.update(live.render(tick)), on_start, on_over)


def _say_dashboard(console: Console, control_url: str) -> None:
    console.print(f"   The dashboard, as long as it runs: {control_url}/", soft_wrap=True)


def linger(console: Console, control_url: str, keys: TextIO, at_most_s: float = LINGER_S) -> None:
    """Keep everything up until a line comes from `keys`, or so long; not at all where nobody sits there."""
    if not keys.isatty():
        return
    console.print(
        f"   The dashboard stays for {at_most_s:g} s, or until you press Enter: {control_url}/",
        soft_wrap=True,
    )
    ready, _, _ = select.select([keys], [], [], at_most_s)
    if ready:
        keys.readline()


def _log_rollout(
    run: RolloutRun, console: Console, close: Callable[[Summary], None], every_s: float = 10.0
) -> Summary:
    """The same without a terminal: a line every ten seconds and at every change."""
    shown, due = "", 0.0

    def on_tick(tick: Tick) -> None:
        nonlocal shown, due
        state = f"{tick.view.status} {tick.view.share}"
        if state != shown or time.monotonic() >= due:
            console.print(f"   {live.line(tick)}")
            shown, due = state, time.monotonic() + every_s

    return run_rollout(run, on_tick, lambda url: _say_dashboard(console, url), close)


def _engine(parts: ExitStack, home: Home, folder: Path, arm: Arm, console: Console) -> VllmEngine:
    with bar(console, f"   vLLM for {arm}") as report:
        return parts.enter_context(
            engine_for(
                folder,
                port=free_port(),
                name=ALIAS,
                log=home.logs / f"vllm-{arm}.log",
                arm=arm,
                cores=half_of_the_cores(arm),
                progress=report,
            )
        )


def _verdict(audit: AuditResult, home: Home) -> str:
    folder = home.audit(CANDIDATE)
    findings = "".join(f"\n   - {finding}" for finding in audit.findings)
    return (
        f"   Verdict: [bold]{audit.verdict}[/] (`belay audit` would end with status {audit.exit_code}).{findings}\n"
        f"   Report: {folder}/report.html\n"
        "   No passing audit, no rollout. The story goes on under an override, which the rollout records:\n"
        f"   [italic]by {OVERRIDE_BY}: {OVERRIDE_REASON}[/]"
    )


def _audit_ref(audit: AuditResult | None, base_sha256: str) -> AuditRef:
    """The audit behind the rollout; base against itself needs none, and its own hash stands in its place."""
    if audit is None:
        return AuditRef(verdict="pass", sha256=base_sha256)
    if audit.verdict == "pass":
        return audit.to_ref()
    return audit.to_ref(override_by=OVERRIDE_BY, override_reason=OVERRIDE_REASON)


def _heading(console: Console, number: int, text: str) -> None:
    console.print(f"\n[bold]{number}. {text}[/]")
