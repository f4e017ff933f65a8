"""The whole fine-tune on one page: attest, load, train, merge, manifest.

Run by `belay train`; a training method is added as a step here, a file beside this one and a key in
`trainer.config.TrainSettings`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from serving.manifest import Manifest, attest, read_manifest, write_manifest
from serving.progress import Report, silent
from serving.quiet import quieten_transformers
from serving.staging import staged_folder
from telemetry.errors import AttestationError
from trainer.config import TrainSettings
from trainer.data import data_sha256, encode, load_dialogues


def run(settings: TrainSettings, progress: Report | None = None) -> Path:
    """Train a candidate and return its folder.

    In it lie merged safetensors with tokenizer, `adapter/`, `training.jsonl` (loss and gradient norm of each
    step) and the manifest. The folder appears under its name only when it is complete, and replaces an
    older one. Raises AttestationError where the base is not what its manifest says, UsageError for unusable
    data, and TrainingDiverged.
    """
    base = attest(settings.base)
    if base.kind != "base":
        raise AttestationError(f"{settings.base} holds the candidate {base.name!r}, expected a base model")
    dialogues = load_dialogues(settings.data)  # before torch: a wrong line is told at once
    quieten_transformers()
    with staged_folder(settings.output) as folder:
        _train_and_merge(settings, base, dialogues, folder, progress or silent)
        write_manifest(
            folder,
            kind="candidate",
            name=settings.name,
            base_sha256=base.sha256,
            data_sha256=data_sha256(settings.data),
            settings=_decisive(settings),
        )
    return settings.output


def recipe(settings: TrainSettings) -> tuple[str, str, dict[str, Any]]:
    """What a candidate made with `settings` has in its manifest: base hash, data hash, settings."""
    return read_manifest(settings.base).sha256, data_sha256(settings.data), _decisive(settings)


def _decisive(settings: TrainSettings) -> dict[str, Any]:
    """The settings that decide the result; where files lie and how many threads there are do not."""
    return settings.model_dump(mode="json", exclude={"base", "data", "output", "threads"})


def _train_and_merge(
    settings: TrainSettings, base: Manifest, dialogues: list[Any], folder: Path, report: Report
) -> None:
    report(0, settings.steps, "loading torch")
    from transformers import AutoTokenizer  # noqa: PLC0415 - brings torch, see above

    from trainer import lora, merge, train  # noqa: PLC0415 - bring torch and peft

    tokenizer = AutoTokenizer.from_pretrained(str(settings.base))
    examples = [encode(dialogue, tokenizer, settings.max_length) for dialogue in dialogues]

    def tell(step: train.Step) -> None:
        report(step.number, step.of, f"loss {step.loss:.3f}, {step.rate:.2f} steps/s")

    with train.prepared_torch(settings):
        model = lora.add_adapter(lora.load_base(settings.base, settings.dtype), settings.lora, settings.seed)
        steps = train.train(model, examples, tokenizer.pad_token_id or 0, settings, tell)
    report(settings.steps, settings.steps, "merging")
    lora.save_adapter(model, folder / "adapter", base.sha256)
    merge.merge_adapter(settings.base, folder / "adapter", folder)
    rows = [{"step": s.number, "loss": s.loss, "gradient_norm": s.gradient_norm} for s in steps]
    (folder / "training.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report(settings.steps, settings.steps, f"trained, loss {steps[0].loss:.2f} to {steps[-1].loss:.2f}")
