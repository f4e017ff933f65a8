"""The base model and the rollout's terms, as steps of the command line and the demo."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from belay.home import Home
from belay.progress import bar
from evaluator.auditing.baseline import Baseline
from evaluator.briefs.brief import LoadedBrief
from evaluator.watching.watches import brief_watches
from serving.base_model import prepare_base_model
from serving.manifest import read_manifest
from telemetry.events import AuditRef, RolloutSpec, Stage


def prepare(home: Home, console: Console) -> Path:
    """The base model's folder, made where it is not there yet."""
    with bar(console, "   base model") as report:
        folder = prepare_base_model(home.base_model, report)
    manifest = read_manifest(folder)
    console.print(f"   {manifest.name}, sha256 {manifest.sha256[:12]}, answers its known question")
    return folder


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
