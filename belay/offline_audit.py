"""Baseline and audit as steps of the command line and the demo: each shows its progress and keeps its result."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from belay.home import Home
from belay.progress import bar
from belay.wiring import ask_over_http, engine_version
from evaluator.audit import run_audit
from evaluator.baseline import Baseline, Binding, binding_of, load_baseline, record_baseline, save_baseline
from evaluator.brief import LoadedBrief
from evaluator.gate import AuditResult
from evaluator.report import write_report
from serving.manifest import read_manifest
from telemetry.errors import BelayError


def record(
    home: Home, loaded: LoadedBrief, base: Path, url: str, model: str, console: Console, *, anew: bool = False
) -> Baseline:
    """The baseline of `base`: the one on disk where it was recorded under the same conditions, else a new one."""
    binding = _binding(loaded, base)
    found = None if anew else _kept(home, binding)
    if found is None:
        with bar(console, "   baseline") as report:
            found = record_baseline(
                loaded, ask_over_http(url, model, loaded.brief.system_prompt), binding, report
            )
        save_baseline(found, home.baselines)
    else:
        console.print("   the recorded baseline holds: same base, brief, judge, engine and sampling")
    for capability in found.capabilities:
        mean = "unscored" if capability.mean is None else f"{capability.mean:.0%}"
        floor = f"  at the floor: {capability.at_floor}" if capability.at_floor else ""
        console.print(f"   {capability.name.replace('_', ' '):<24}{mean:>9}  of {capability.n}{floor}")
    return found


def _kept(home: Home, binding: Binding) -> Baseline | None:
    try:
        found = load_baseline(home.baselines, binding.base_sha256)
        found.require(binding)
    except BelayError:
        return None
    return found


def audit(
    home: Home,
    loaded: LoadedBrief,
    baseline: Baseline,
    candidate: Path,
    url: str,
    model: str,
    console: Console,
) -> AuditResult:
    """Audit the candidate that answers at `url`, and write its report."""
    base = read_manifest(home.base_model)
    manifest = read_manifest(candidate)
    with bar(console, "   audit") as report:
        result = run_audit(
            loaded,
            baseline,
            ask_over_http(url, model, loaded.brief.system_prompt),
            base=base.ref,
            candidate=manifest.ref,
            binding=_binding(loaded, home.base_model),
            progress=report,
        )
    write_report(result, home.audit(candidate.name))
    return result


def _binding(loaded: LoadedBrief, base: Path) -> Binding:
    return binding_of(loaded, read_manifest(base).sha256, engine_version())
