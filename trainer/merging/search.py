"""The merge search on real weights: the chosen checkpoint at several weights, asked the capability suite in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from trainer.config import TrainSettings
from trainer.merging.choosing import merge_search
from trainer.merging.interpolation import Weights
from trainer.merging.writing import interpolate
from trainer.methods import lora
from trainer.methods.devices import best_device
from trainer.scoring.checkpoints import Evaluation
from trainer.scoring.records import Merge, MergeTrial

Asking = Callable[[Any], Evaluation]
"""Asks the capability suite of a model."""


def merge_searched(
    settings: TrainSettings, adapter: Path, folder: Path, scratch: Path, asking: Callable[[], Asking]
) -> Merge:
    """Write the merged model of `adapter` into `folder`: at the one weight that is set, or as `search` chose.

    `asking` is called only where there is something to choose, since it has base answer the suite.
    """
    merge = settings.merge
    chosen = Merge(method=merge.method, weights=merge.weights)
    if len(merge.weights) > 1:
        evaluate = asking()
        scratch.mkdir(parents=True, exist_ok=True)
        chosen = search(settings, adapter, scratch, evaluate)
    interpolate(settings.base, adapter, folder, chosen.method, chosen.weights, keep=merge.keep)
    return chosen


def search(settings: TrainSettings, adapter: Path, scratch: Path, evaluate: Asking) -> Merge:
    """The heaviest weights with which no capability's mean falls beyond its threshold; else the lightest.

    What is asked is the very model that would ship: pruned, interpolated and rounded in `scratch`, one at a time.
    """
    merge = settings.merge
    trials: list[MergeTrial] = []

    def fallen(weights: Weights) -> Sequence[str]:
        with TemporaryDirectory(dir=scratch, prefix="merge-") as beside:
            interpolate(settings.base, adapter, Path(beside), merge.method, weights, keep=merge.keep)
            found = evaluate(lora.load_onto(Path(beside), settings.dtype, best_device()))
        trials.append(
            MergeTrial(weights=weights, fallen=found.beyond, target=found.target, retention=found.retention)
        )
        return found.beyond

    choice = merge_search(merge.weights, fallen, groups=merge.groups)
    return Merge(
        method=merge.method,
        weights=choice.weights or (min(merge.weights),),
        kept_all=choice.weights is not None,
        trials=tuple(trials),
    )
