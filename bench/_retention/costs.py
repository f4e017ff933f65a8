"""What EWC, sparse SAM and watching cost: each step with and without, in turn, on one batch; medians over rounds.

Memory is that of a process of its own, at its peak.

    cd bench && python -m _retention.costs ewc FILE    # one such process: prints its peak
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

from _shape import Figure, Result, say

from _retention.runs import CACHE, EWC_STRENGTH, workshop
from trainer.config import EwcSettings, SamSettings, TrainSettings, WatchingSettings

WARM_UP = 2
STEPS = 20  # a multiple of what SAM's second gradients (4) and watching (10) repeat after
PEAK_STEPS = 8
CHANGES: dict[str, dict[str, Any]] = {
    "plain": {"watch": None},
    "ewc": {"watch": None, "ewc": EwcSettings(strength=EWC_STRENGTH, fisher="true")},
    "sparse_sam": {"watch": None, "sam": SamSettings(layers=0.25, every=4)},
    "watch": {"watch": WatchingSettings()},
}
FIGURES = (
    ("ewc_step_ratio", "ewc", "ratio", 1.05),
    ("sparse_sam_step_ratio", "sparse_sam", "ratio", 1.3),
    ("watching_overhead", "watch", "fraction", 0.03),
)


def measure(result: Result, settings: TrainSettings, rounds: int) -> None:
    """Time each method's steps beside plain ones, then EWC's memory. `settings` must have retention data."""
    seconds = _rounds(settings, rounds)
    plain = seconds["plain"]
    for name, kind, unit, bar in FIGURES:
        ours = seconds[kind]
        ratios = [a / b for a, b in zip(ours, plain, strict=True)]
        value = median(ratios) - (1.0 if unit == "fraction" else 0.0)
        note = (
            f"seconds a step; {rounds} rounds of {STEPS} steps, each taken once each way, in turn; ratios "
            f"{min(ratios):.3f} to {max(ratios):.3f}"
        )
        result.add(Figure(name, value, unit, median(ours), median(plain), bar, "lower", note))
    ewc, bare = _peak(settings, "ewc"), _peak(settings, "plain")
    ours_bytes, theirs_bytes = ewc["peak"] - ewc["fisher"], bare["peak"]
    note = f"bytes at the peak of a process of its own, less the Fisher's {ewc['fisher'] / 1e6:.0f} MB"
    ratio = ours_bytes / theirs_bytes
    result.add(Figure("ewc_memory_ratio", ratio, "ratio", ours_bytes, theirs_bytes, 1.15, "lower", note))


def _rounds(settings: TrainSettings, rounds: int) -> dict[str, list[float]]:
    """Seconds a step of every kind, by round. Every step is taken each way before the next: noise meets all alike."""
    trainings = {kind: _Steps(settings, kind) for kind in CHANGES}
    seconds: dict[str, list[float]] = {kind: [] for kind in CHANGES}
    for turn in range(1, rounds + 1):
        spent = dict.fromkeys(CHANGES, 0.0)
        for _ in range(STEPS):
            for kind, training in trainings.items():
                spent[kind] += training.seconds()
        for kind, total in spent.items():
            seconds[kind].append(total / STEPS)
        told = ", ".join(f"{kind} {values[-1]:.3f}" for kind, values in seconds.items())
        say(f"  round {turn} of {rounds}, seconds a step: {told}")
    return seconds


class _Steps:
    """A training of one kind that is taken step by step. Every kind takes the same batches."""

    def __init__(self, settings: TrainSettings, kind: str) -> None:
        from trainer.loop.fit import fisher_of  # noqa: PLC0415 - as above
        from trainer.loop.train import Parts, Training  # noqa: PLC0415 - as above
        from trainer.methods import lora  # noqa: PLC0415 - brings torch

        self._settings = settings.model_copy(update={**CHANGES[kind], "steps": 10_000})
        stock = workshop(self._settings).stock
        base = lora.load_base(settings.base, settings.dtype)
        self.fisher, _ = fisher_of(base, self._settings, stock)
        model = lora.add_adapter(base, settings.lora, settings.seed)
        feed, parts = stock.feed(self._settings), Parts(self.fisher, stock.probes)
        self._training = Training(model, feed.rows, stock.padding, self._settings, parts)
        self._next = 1
        for _ in range(WARM_UP):
            self.seconds()

    def seconds(self) -> float:
        """Take the next step; what it took."""
        from trainer.loop.train import prepared_torch  # noqa: PLC0415 - brings torch

        with prepared_torch(self._settings):
            began = time.perf_counter()
            self._training.step(self._next)
            self._next += 1
            return time.perf_counter() - began


def _peak(settings: TrainSettings, kind: str) -> dict[str, int]:
    file = CACHE / f"costs-{kind}.json"
    file.write_text(settings.model_dump_json(), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "_retention.costs", kind, str(file.resolve())],
        cwd=Path(__file__).parents[1],
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


def _child(kind: str, file: Path) -> None:
    steps = _Steps(TrainSettings.model_validate_json(file.read_bytes()), kind)
    for _ in range(PEAK_STEPS):
        steps.seconds()
    size = 0
    if steps.fisher is not None:
        size = sum(t.numel() * t.element_size() for t in steps.fisher.layers.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"peak": peak, "fisher": size}))


if __name__ == "__main__":
    _child(sys.argv[1], Path(sys.argv[2]))
