"""The world of the goals: base .8, threshold 2 points, alpha 1%, pairs of which 15% differ."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np

from evaluator.watch.planning.simulate import Block

BASE, DELTA, ALPHA, DISCORDANT = 0.8, 0.02, 0.01, 0.15
TEN = (0.1,) * 10
NATS = log(1.0 / ALPHA)


def first(block: Block, runs: int) -> Block:
    """The first runs of a block."""
    cut = {
        name: getattr(block, name)[:, :runs]
        for name in ("k", "candidate", "pair", "lot", "fresh", "control", "changed", "tag")
    }
    return replace(block, **cut)


def ratio(stopped: np.ndarray, limit: float, horizon: float) -> float:
    """Mean interactions over the limit; a run that was never stopped counts with the whole horizon."""
    return float(np.where(stopped > 0, stopped, horizon).mean() / limit)
