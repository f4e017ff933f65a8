"""The whole offline path on one page: brief, baseline, data, train, evaluate, merge, audit, manifest.

Run by `belay train`; under `accelerate launch` every process runs it, and the main one writes. A training method is
added as a file in `methods/`, a key in `trainer.config.TrainSettings` and a part of `trainer.loop.train.Training`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evaluator.audit.baseline import Baseline
from evaluator.briefs.brief import load_brief
from serving.models.manifest import Manifest, attest, bind_audit, read_manifest, write_manifest
from serving.models.quiet import quieten_transformers
from serving.models.staging import staged_folder
from serving.progress import Report, silent
from telemetry.errors import AttestationError, BaselineError
from telemetry.events import AuditRef
from trainer.config import TrainSettings
from trainer.data.dialogues import data_sha256
from trainer.data.reading import named_by_content, read_data
from trainer.loop.disk import adapter_bytes, require_room, weights_bytes
from trainer.loop.place import Place
from trainer.loop.processes import go_on_alone, is_main
from trainer.watching.trackers import require_installed

STATES: Final = 2
"""Of how many saved states there is room: `trainer.loop.resume` keeps two, and writes a third before it drops one."""

Notice = Callable[[str], None]
"""Called with what a person should know."""


@dataclass(frozen=True)
class Auditing:
    """What stands before and after a training: base's baseline, and the audit of the finished candidate's folder.

    `audit` of None leaves that for later: the candidate cannot be rolled out before.
    """

    baseline: Baseline
    audit: Callable[[Path], AuditRef] | None


def run(
    settings: TrainSettings,
    progress: Report | None = None,
    *,
    auditing: Auditing | None = None,
    notice: Notice | None = None,
) -> Path:
    """Train a candidate and return its folder; interrupted, it goes on where it was.

    In the folder lie merged safetensors with tokenizer, `adapter/`, the report `training.html` with `training.json`,
    `training.jsonl` (each step) and `watch.parquet` (each layer in each step), and the manifest. It appears under its
    name only when it is complete, and replaces an older one. With `auditing`, it is audited then.

    Raises AttestationError where the base is not what its manifest says, BaselineError where the baseline is
    another base's, UsageError for unusable data, DiskFull, and TrainingDiverged.
    """
    report, notice = progress or silent, notice or _nobody
    require_installed(settings.track)
    # 1. What must survive, and what base can do: no baseline, no training.
    loaded = load_brief(settings.brief, settings.judges) if settings.brief is not None else None
    base = _base(settings.base)
    if auditing is not None and auditing.baseline.binding.base_sha256 != base.sha256:
        raise BaselineError(
            f"the baseline is of base {auditing.baseline.binding.base_sha256[:12]}, not {base.sha256[:12]}"
        )
    # 2. The data, before torch is loaded: a wrong line is told at once.
    data = read_data(settings, loaded)
    place = Place.of(settings, (base.sha256, data_sha256(settings.data), named_by_content(settings, loaded)))
    _look_around(settings, place, notice)
    quieten_transformers()
    report(0, settings.steps, "loading torch")
    from trainer.workshop import Workshop  # noqa: PLC0415 - brings torch and peft, which take seconds

    shop = Workshop(settings, base, loaded, data, place, report, notice)
    # 3. Sweep, train, evaluate each checkpoint.
    sweep = shop.sweep()
    tuned = settings if sweep is None else settings.model_copy(update=sweep.taken)
    fitted = shop.train(tuned)
    if not is_main():
        return settings.output
    go_on_alone()
    # 4. Search the merge weights, and bind all in the manifest; then the audit, of the very files that will be served.
    with staged_folder(settings.output) as folder:
        merge = shop.merge(fitted, folder)
        record = shop.record(tuned, sweep, fitted, merge, folder)
        write_manifest(
            folder,
            kind="candidate",
            name=settings.name,
            base_sha256=base.sha256,
            data_sha256=data_sha256(settings.data),
            settings=named_by_content(settings, loaded),
            training=record.for_manifest(),
        )
    place.clear()
    del fitted  # an engine that audits may need the GPU's memory
    shop.leave()
    if auditing is not None and auditing.audit is not None:
        bind_audit(settings.output, auditing.audit(settings.output))
    return settings.output


def recipe(settings: TrainSettings) -> tuple[str, str, dict[str, Any]]:
    """What a candidate made with `settings` has in its manifest: base hash, the target data's hash, settings."""
    loaded = load_brief(settings.brief, settings.judges) if settings.brief is not None else None
    return (
        read_manifest(settings.base).sha256,
        data_sha256(settings.data),
        named_by_content(settings, loaded),
    )


def _base(folder: Path) -> Manifest:
    base = attest(folder)
    if base.kind != "base":
        raise AttestationError(f"{folder} holds the candidate {base.name!r}, expected a base model")
    return base


def _look_around(settings: TrainSettings, place: Place, notice: Notice) -> None:
    """Tell of unfinished trainings, and make sure that there is room for this one."""
    for other in place.others():
        notice(
            f"{other} is an unfinished training with other settings, base or data; remove it if it is not needed"
        )
    adapter, merged = adapter_bytes(settings.base, settings.lora), weights_bytes(settings.base)
    kept = settings.checkpoints is not None or settings.sweep is not None
    copies = 3 if settings.average is None else 4  # weights and two moments, and the mean of the weights
    states = copies * adapter * (STATES + 1) if kept else 0
    searched = merged if len(settings.merge.weights) > 1 else 0
    require_room(
        settings.output.parent,
        merged + searched + adapter + states,
        "this training (the merged model, its adapter and the states to go on from)",
        hint="Make room, or set another output.",
    )


def _nobody(text: str) -> None:
    """Notices to nobody."""
