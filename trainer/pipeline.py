"""The offline path on one page: base -> data -> adapter -> merged model -> manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer
from transformers.utils import logging as transformers_logging

from serving.manifest import attest, file_sha256, read_manifest, write_manifest
from serving.progress import Report, silent
from serving.staging import staged_folder
from trainer.config import TrainSettings
from trainer.data import load_training_set
from trainer.lora import load_base, with_adapter
from trainer.merge import merge_adapter
from trainer.train import Step, train_adapter


def run(settings: TrainSettings, report: Report = silent) -> Path:
    """Train one candidate; returns its folder, which appears only when it is whole.

    `report` hears (step, steps, note). Raises AttestationError where base is not what its manifest says,
    UsageError for data that cannot be used, TrainingDiverged.
    """
    base = attest(settings.base)
    transformers_logging.disable_progress_bar()
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    tokenizer = AutoTokenizer.from_pretrained(str(settings.base))
    data = load_training_set(settings.data, tokenizer, settings.max_length)
    torch.manual_seed(settings.seed)
    model = with_adapter(load_base(settings.base, getattr(torch, settings.dtype)), settings.lora)
    steps: list[Step] = []

    def on_step(step: Step) -> None:
        steps.append(step)
        report(step.number, settings.steps, f"loss {step.loss:.3f}")

    train_adapter(model, data, settings, tokenizer.pad_token_id, on_step)
    with staged_folder(settings.output) as folder:
        model.save_pretrained(folder / "adapter")
        merge_adapter(settings.base, folder / "adapter", folder)
        _write_steps(folder / "training.jsonl", steps)
        write_manifest(
            folder,
            kind="candidate",
            name=settings.name,
            base_sha256=base.sha256,
            data_sha256=data.sha256,
            settings=_kept(settings),
        )
    return settings.output


def recipe(settings: TrainSettings) -> tuple[str, str, dict[str, Any]]:
    """What a candidate made with `settings` has in its manifest: base hash, data hash, settings."""
    return read_manifest(settings.base).sha256, file_sha256(settings.data), _kept(settings)


def _kept(settings: TrainSettings) -> dict[str, Any]:
    """The settings that decide the result; where files lie and how many threads there are do not."""
    return settings.model_dump(mode="json", exclude={"base", "data", "output", "threads"})


def _write_steps(path: Path, steps: list[Step]) -> None:
    rows = [{"step": s.number, "loss": s.loss, "gradient_norm": s.gradient_norm} for s in steps]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
