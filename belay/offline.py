"""The offline steps as the command line and the demo take them: each shows its progress and keeps its result."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
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
from evaluator.watches import brief_watches
from serving.base_model import prepare_base_model
from serving.manifest import attest, read_manifest
from telemetry.errors import BelayError
from telemetry.events import AuditRef, RolloutSpec, Stage
from trainer.config import TrainSettings


def prepare(home: Home, console: Console) -> Path:
    """The base model's folder, made where it is not there yet."""
    with bar(console, "   base model") as report:
        folder = prepare_base_model(home.base_model, report)
    manifest = read_manifest(folder)
    console.print(f"   {manifest.name}, sha256 {manifest.sha256[:12]}, answers its known question")
    return folder


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


def train(home: Home, loaded: LoadedBrief, base: Path, name: str, console: Console) -> Path:
    """A candidate fine-tuned on the brief's target alone; the one on disk where settings and data are the same."""
    from trainer.pipeline import run  # noqa: PLC0415 - torch takes seconds to import; other commands need none

    settings = TrainSettings(name=name, base=base, data=loaded.training_file, output=home.model(name))
    if _same_candidate(settings):
        console.print(f"   {settings.output} was trained with these settings on this data already")
        return settings.output
    with bar(console, f"   LoRA, {settings.steps} steps") as report:
        run(settings, report)
    return settings.output


def _same_candidate(settings: TrainSettings) -> bool:
    from trainer.pipeline import recipe  # noqa: PLC0415 - as above

    try:
        manifest = attest(settings.output)
    except BelayError:
        return False
    wanted = recipe(settings)
    return (manifest.base_sha256, manifest.data_sha256, manifest.settings) == wanted


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


def rollout_spec(
    loaded: LoadedBrief,
    baseline: Baseline,
    *,
    base: Path,
    candidate: Path,
    alias: str,
    stages: Sequence[Stage],
    shadow: float,
    audit: AuditRef,
) -> RolloutSpec:
    """A rollout that advances by schedule, with everything fixed that has to be fixed before it starts."""
    return RolloutSpec(
        rollout_id=f"r-{uuid.uuid4().hex[:8]}",
        model_alias=alias,
        base=read_manifest(base).ref,
        candidate=read_manifest(candidate).ref,
        salt=secrets.token_hex(16),
        capabilities=brief_watches(loaded, baseline),
        stages=tuple(stages),
        advance="schedule",
        shadow=shadow,
        brief_sha256=loaded.sha256,
        audit=audit,
    )
