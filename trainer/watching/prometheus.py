"""A training's figures for Prometheus, as a file: the textfile collector of node_exporter takes it from there.

A training is a job that ends, which a scrape would miss; its file stays. The file is replaced whole, at most once a
second; `belay_training_updated_timestamp_seconds` tells one that has died from one that is slow.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from trainer.watching.numbers import Numbers

EVERY_S: Final = 1.0
FIGURES: Final = {
    "loss": ("loss", "Loss of the last step."),
    "gradient_norm": ("gradient_norm", "Length of the last step's gradient, before clipping."),
    "kl": ("kl", "KL divergence of the candidate from base on what is rehearsed."),
    "anchor_kl": ("anchor_kl", "KL divergence of the candidate from base on the target's tokens."),
    "ewc": ("ewc", "Penalty for moving weights that base's abilities lie in."),
    "target": ("target_ratio", "Mean score on the target at the last checkpoint that was asked."),
    "retention": ("retention_ratio", "What adjacent capabilities kept of base's scores, at that checkpoint."),
    "target_kl": (
        "target_kl",
        "KL divergence from base a token, on the target's prompts, at that checkpoint.",
    ),
    "steps": ("steps_planned", "Steps that the training is to take."),
    "steps_per_second": ("steps_per_second", "Steps a second so far."),
    "seconds_left": ("left_seconds", "Seconds that the steps which are left will take, at that rate."),
}
"""By the name of each number: its figure, and what that says."""
PACE: Final = frozenset({"steps", "steps_per_second", "seconds_left"})
"""What is known of the training's pace; no other tool is told, since each has a clock of its own."""


class Prometheus:
    """`RUN.prom` in a folder; every figure has the label `run`."""

    def __init__(self, folder: Path, run: str, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file, self._run, self._clock = folder / f"{run}.prom", run, clock
        self._registry = CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}
        self._written = 0.0
        self._set("running", "1 while the training runs.", 1.0)

    def log(self, step: int, numbers: Numbers) -> None:
        """Take the numbers of one step."""
        self._set("step", "The last step that was taken.", float(step))
        for name, value in numbers.items():
            metric, text = FIGURES[name]
            self._set(metric, text, value)
        if self._clock() - self._written >= EVERY_S:
            self._write()

    def close(self) -> None:
        """Say that it has ended."""
        self._set("running", "1 while the training runs.", 0.0)
        self._write()

    def _set(self, name: str, text: str, value: float) -> None:
        if name not in self._gauges:
            self._gauges[name] = Gauge(f"belay_training_{name}", text, ["run"], registry=self._registry)
        self._gauges[name].labels(self._run).set(value)

    def _write(self) -> None:
        self._written = self._clock()
        self._set("updated_timestamp_seconds", "When this was written.", self._written)
        write_to_textfile(str(self._file), self._registry)
