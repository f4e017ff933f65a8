"""What came of a training, as its folder keeps it: the record, each step, each layer."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Final

from trainer.config import TrainSettings
from trainer.data.decontaminate import Report as Decontamination
from trainer.data.feed import used
from trainer.loop.fit import Fitted
from trainer.loop.stock import Stock
from trainer.scoring.records import Merge, Record, Sweep
from trainer.watching.watch_log import write_rows

_PACKAGES: Final = ("torch", "transformers", "peft", "accelerate")


def record_of(
    settings: TrainSettings,
    stock: Stock,
    decontamination: Decontamination | None,
    sweep: Sweep | None,
    fitted: Fitted,
    merge: Merge,
) -> Record:
    """The record of a training with `settings`, which are those that the sweep took."""
    return Record(
        sources=used(stock.encoded, stock.feed(settings), len(fitted.steps)),
        learning_rate=settings.learning_rate,
        steps=len(fitted.steps),
        checkpoint=fitted.step,
        alarms=tuple(f"step {s.step}: {', '.join(s.runs_away)}" for s in fitted.steps if s.runs_away),
        fisher_sha256=fitted.fisher_sha256,
        rehearsal=stock.rehearsal.to_json() if stock.rehearsal is not None else None,
        decontamination=decontamination.to_json() if decontamination is not None else None,
        evaluations=fitted.evaluations,
        sweep=sweep,
        merge=merge,
        versions={name: version(name) for name in _PACKAGES},
    )


def write_record(folder: Path, record: Record, fitted: Fitted) -> None:
    """Write `training.json`, `training.jsonl` (each step), and `watch.parquet` (each layer) if layers were watched."""
    (folder / "training.json").write_bytes(record.content)
    rows = [json.dumps(step.model_dump(exclude_defaults=True)) for step in fitted.steps]
    (folder / "training.jsonl").write_text("\n".join([*rows, ""]), encoding="utf-8")
    if fitted.watched:
        write_rows(folder / "watch.parquet", fitted.watched)
