"""What EWC, sparse SAM and watching cost: steps with and without, in turn, on the same batches; medians of the ratios.

Memory is that of a process of its own, at its peak.

    python bench/_retention_costs.py ewc    # one such process: prints its peak
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from _retention_runs import CACHE, EWC_STRENGTH, workshop
from _shape import Figure, Result, say

from trainer.config import EwcSettings, SamSettings, TrainSettings, WatchingSettings

WARM_UP = 2
STEPS = 20  # a multiple of what SAM's second gradients (4) and watching (10) repeat after
CHANGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "ewc": {"ewc": EwcSettings(strength=EWC_STRENGTH, fisher="true")},
    "sparse_sam": {"sam": SamSettings(layers=0.25, every=4)},
    "watch": {"watch": WatchingSettings()},
}


def measure(result: Result, settings: TrainSettings, rounds: int) -> None:
    """Time each method's steps beside plain ones, then EWC's memory. `settings` must have retention data."""
    plain = _Steps(settings, "plain")
    for name, kind, bar, what in (
        ("ewc_step_ratio", "ewc", 1.05, "ratio"),
        ("sparse_sam_step_ratio", "sparse_sam", 1.3, "ratio"),
        ("watching_overhead", "watch", 0.03, "fraction"),
    ):
        changed = _Steps(settings, kind)
        theirs, ours = [], []
        for turn in range(1, rounds + 1):
            theirs.append(plain.seconds())
            ours.append(changed.seconds())
            say(f"  {kind}, round {turn} of {rounds}: {ours[-1]:.3f} s a step, plain {theirs[-1]:.3f} s")
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        value = median(ratios) - (1.0 if what == "fraction" else 0.0)
        note = f"{rounds} rounds of {STEPS} steps each way, in turn; ratios {min(ratios):.3f} to {max(ratios):.3f}"
        result.add(
            Figure(
                name,
                value,
                what,
                median(ours),
                median(theirs),
                bar,
                "lower",
                f"seconds a step; {note}",
            )
        )
    ewc, bare = _peak(settings, "ewc"), _peak(settings, "plain")
    ours_bytes, theirs_bytes = ewc["peak"] - ewc["fisher"], bare["peak"]
    note = f"bytes at the peak of a process of its own, less the Fisher's {ewc['fisher'] / 1e6:.0f} MB"
    ratio = ours_bytes / theirs_bytes
    result.add(Figure("ewc_memory_ratio", ratio, "ratio", ours_bytes, theirs_bytes, 1.15, "lower", note))


class _Steps:
    """A training of one kind that is taken some steps at a time."""

    def __init__(self, settings: TrainSettings, kind: str) -> None:
        from trainer import lora  # noqa: PLC0415 - brings torch
        from trainer.drift import PROBES, encode_probes  # noqa: PLC0415 - as above
        from trainer.fit import _fisher  # noqa: PLC0415 - as above
        from trainer.train import Parts, Training  # noqa: PLC0415 - as above

        self._settings = settings.model_copy(update={**CHANGES[kind], "steps": 10_000})
        shop = workshop(self._settings)
        stock, tokenizer = shop._stock, shop._tokenizer
        base = lora.load_base(settings.base, settings.dtype)
        self.fisher, _ = _fisher(base, self._settings, stock)
        model = lora.add_adapter(base, settings.lora, settings.seed)
        probes = encode_probes(PROBES, tokenizer) if kind == "watch" else None
        feed = stock.feed(self._settings)
        self._training = Training(model, feed.rows, stock.padding, self._settings, Parts(self.fisher, probes))
        model.train()
        self._next = 1
        self.seconds(WARM_UP)

    def seconds(self, steps: int = STEPS) -> float:
        """Take `steps` steps; seconds each. Every kind takes the same batches."""
        from trainer.train import prepared_torch  # noqa: PLC0415 - brings torch

        with prepared_torch(self._settings):
            began = time.perf_counter()
            for number in range(self._next, self._next + steps):
                self._training._step(number)
            self._next += steps
            return (time.perf_counter() - began) / steps


def _peak(settings: TrainSettings, kind: str) -> dict[str, int]:
    file = CACHE / f"costs-{kind}.json"
    file.write_text(settings.model_dump_json(), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, __file__, kind, str(file)], check=True, capture_output=True, text=True
    )
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


def _child(kind: str, file: Path) -> None:
    steps = _Steps(TrainSettings.model_validate_json(file.read_bytes()), kind)
    steps.seconds()
    size = 0
    if steps.fisher is not None:
        size = sum(t.numel() * t.element_size() for t in steps.fisher.layers.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"peak": peak, "fisher": size}))


if __name__ == "__main__":
    _child(sys.argv[1], Path(sys.argv[2]))
