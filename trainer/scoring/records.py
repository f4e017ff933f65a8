"""What came out of a training besides the weights, as it is kept: in the manifest, as JSON, as a page."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from pydantic import Field

from telemetry.events import Value
from trainer.data.feed import UsedSource
from trainer.scoring.checkpoints import Evaluation


class SweepRow(Value):
    """One learning rate after one number of steps; scores and loss are None where it diverged, as `note` says."""

    learning_rate: float
    steps: int
    target: float | None = None
    base: float | None = None
    loss: float | None = None
    note: str = ""


class Sweep(Value):
    """Everything that was tried, and what was taken."""

    rows: tuple[SweepRow, ...]
    learning_rate: float
    steps: int

    @property
    def taken(self) -> dict[str, Any]:
        """The settings to train with."""
        return {"learning_rate": self.learning_rate, "steps": self.steps}


class MergeTrial(Value):
    """Weights between base and fine-tune, and the capabilities that fell beyond their thresholds with them."""

    weights: tuple[float, ...]
    fallen: tuple[str, ...]
    target: float | None
    retention: float | None


class Merge(Value):
    """The weights that were taken. `kept_all` is False where no weights kept every capability; None: not asked."""

    method: Literal["linear", "slerp"]
    weights: tuple[float, ...]
    kept_all: bool | None = None
    trials: tuple[MergeTrial, ...] = ()


class Record(Value):
    """The whole of it. `checkpoint` is the step whose weights were merged, `steps` how many were taken."""

    sources: tuple[UsedSource, ...]
    learning_rate: float
    steps: int
    checkpoint: int
    alarms: tuple[str, ...] = ()
    fisher_sha256: str | None = None
    decontamination: dict[str, Any] | None = None
    rehearsal: dict[str, Any] | None = None
    evaluations: tuple[Evaluation, ...] = ()
    sweep: Sweep | None = None
    merge: Merge
    versions: dict[str, str] = Field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The record's file, `training.json`."""
        return (self.model_dump_json(indent=1) + "\n").encode()

    def for_manifest(self) -> dict[str, Any]:
        """What the manifest names: hashes, the checkpoint, the merge weights; and the hash of all the rest."""
        return {
            "data": {source.name: source.sha256 for source in self.sources},
            "learning_rate": self.learning_rate,
            "steps": self.steps,
            "checkpoint": self.checkpoint,
            "merge": {"method": self.merge.method, "weights": list(self.merge.weights)},
            "fisher_sha256": self.fisher_sha256,
            "record_sha256": hashlib.sha256(self.content).hexdigest(),
            "versions": self.versions,
        }
