"""What `belay plan`, `belay drill` and `belay replay` do: a brief's numbers, through the watch's own code."""

from __future__ import annotations

import json
import re
from pathlib import Path

from rich.console import Console

from belay.home import Home
from belay.progress import bar
from belay.steps.brief_loading import read_brief
from belay.steps.stages import parse_stages
from belay.wiring import bus_at
from evaluator.audit.baseline import load_baseline
from evaluator.briefs.brief import LoadedBrief
from evaluator.watch.planning.drill import DrillTraffic, run_drill, to_dict
from evaluator.watch.planning.drill import render as drill_table
from evaluator.watch.planning.planner import (
    DROPS,
    Checked,
    Plan,
    PlannedCapability,
    check_by_simulation,
    forecast,
    render_shadows,
)
from evaluator.watch.planning.planner import render as plan_table
from evaluator.watch.planning.plot import plot
from evaluator.watch.worker.replay import (
    ProofFile,
    collect_proof,
    explain,
    read_proof,
    replay,
    write_proof,
)
from serving.models.manifest import read_manifest
from telemetry.bus.protocols import Bus
from telemetry.errors import BelayError, UsageError
from telemetry.events import AuditRef, CapabilityWatch, ModelRef, RolloutSpec, Stage
from telemetry.files import write_renamed
from telemetry.reading import Unreadable

_ASSUMED_BASE = 0.8
_DRAWN_DROP = 0.10
_DRAWN_SHADOW = 0.10


def show_plan(
    brief: Path,
    rate: str,
    stages: str,
    shadow: float,
    home: Home,
    console: Console,
    *,
    simulate: bool,
    picture: Path | None,
) -> None:
    """Print how long drops live under the plan; check 10 points by simulation and draw it where asked."""
    made = Plan(
        capabilities=_planned(read_brief(brief), home, console),
        rate=_rate(rate),
        stages=parse_stages(stages),
        shadow=shadow,
    )
    forecasts = forecast(made)
    console.print(plan_table(made, forecasts))
    console.print(render_shadows(made, max(DROPS)))
    checked: tuple[Checked, ...] = ()
    if simulate:
        checked = check_by_simulation(made, [f for f in forecasts if f.drop == _DRAWN_DROP])
    for one in checked:
        console.print(
            f"   {one.forecast.capability:<24} 10 points: estimated p50 {one.forecast.p50:,.0f}, "
            f"simulated {one.p50:,.0f} interactions ({one.runs} runs)"
        )
    if picture is not None:
        plot(made, forecast(made, shadows=(0.0, shadow or _DRAWN_SHADOW)), picture, checked)
        console.print(f"   {picture}")


def show_drill(
    brief: Path,
    stages: str,
    shadow: float,
    home: Home,
    console: Console,
    *,
    runs: int,
    horizon: int,
    seed: int,
    report_file: Path | None,
) -> None:
    """Run the drill with the brief's capabilities and print its table; write it as JSON where asked."""
    loaded = read_brief(brief)
    planned = _planned(loaded, home, console)
    traffic = DrillTraffic(
        traffic={c.name: c.traffic for c in planned}, base={c.name: c.base for c in planned}
    )
    with bar(console, "   drill") as report:
        found = run_drill(
            _drill_spec(loaded, planned, parse_stages(stages), shadow),
            traffic,
            runs=runs,
            horizon=horizon,
            seed=seed,
            on_progress=lambda done, total: report(done, total, ""),
        )
    console.print(drill_table(found))
    if report_file is not None:
        report_file.parent.mkdir(parents=True, exist_ok=True)
        write_renamed(report_file, (json.dumps(to_dict(found), indent=2) + "\n").encode())
        console.print(f"   {report_file}")


def replay_decision(decision: str, bootstrap_servers: str, export: Path | None, console: Console) -> bool:
    """Replay a decision from a proof file or from Kafka; whether it came out the same, byte for byte."""
    file = Path(decision)
    if file.suffix or file.is_file():
        proof = read_proof(file)
    else:
        proof = _collected(bus_at(bootstrap_servers), decision, console)
    if export is not None:
        write_proof(export, proof)
    result = replay(proof)
    console.print(explain(result))
    return result.same


def _collected(bus: Bus, decision: str, console: Console) -> ProofFile:
    unreadable = Unreadable()
    try:
        return collect_proof(bus, decision, unreadable)
    finally:
        for line in unreadable.told():
            console.print(line)


def _planned(loaded: LoadedBrief, home: Home, console: Console) -> tuple[PlannedCapability, ...]:
    """The brief's capabilities with base's rate from the baseline, without those at the floor."""
    rates = _base_rates(loaded, home)
    if rates is None:
        console.print(f"   [dim]No baseline of this brief in {home.root}: each base rate is taken as 80%.[/]")
        rates = {c.name: _ASSUMED_BASE for c in loaded.brief.capabilities}
    watched = [c for c in loaded.brief.capabilities if c.name in rates]
    return tuple(
        PlannedCapability(
            name=c.name,
            traffic=c.share,
            base=rates[c.name],
            threshold=c.threshold,
            weight=1.0 / len(watched),
        )
        for c in watched
    )


def _base_rates(loaded: LoadedBrief, home: Home) -> dict[str, float] | None:
    try:
        baseline = load_baseline(home.baselines, read_manifest(home.base_model).sha256)
    except BelayError:
        return None
    if baseline.binding.brief_sha256 != loaded.sha256:
        return None
    return {c.name: c.mean for c in baseline.capabilities if c.mean is not None and c.at_floor is None}


def _drill_spec(
    loaded: LoadedBrief,
    planned: tuple[PlannedCapability, ...],
    stages: tuple[tuple[float, int], ...],
    shadow: float,
) -> RolloutSpec:
    role = {c.name: c.role for c in loaded.brief.capabilities}
    nobody = ModelRef(name="drill", sha256="0" * 64)
    return RolloutSpec(
        rollout_id="drill",
        model_alias="drill",
        base=nobody,
        candidate=nobody,
        salt="drill",
        capabilities=tuple(
            CapabilityWatch(name=c.name, role=role[c.name], threshold=c.threshold, weight=c.weight)
            for c in planned
        ),
        stages=tuple(Stage(share=share, min_units=units) for share, units in stages),
        advance="schedule",
        shadow=shadow,
        brief_sha256=loaded.sha256,
        audit=AuditRef(verdict="inconclusive", sha256="0" * 64),
    )


def _rate(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/s)?", text.strip())
    if match is None or float(match[1]) <= 0.0:
        raise UsageError(f"--rate is {text!r}, expected interactions a second such as 40 or 40/s")
    return float(match[1])
