"""The training as pictures: the loss over heat maps of layers and steps, and the checkpoints' front.

Importing this loads matplotlib.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, TwoSlopeNorm
from numpy.typing import NDArray

from trainer.loop.resume import LoggedStep
from trainer.scoring.checkpoints import Evaluation, best, eligible, front
from trainer.watching.watch_log import Row

_INK, _GRID, _ALARM, _TARGET = "#1f2933", "#d9e2ec", "#c81e1e", "#e8833a"
_STYLE: Any = {"font.family": "DejaVu Sans", "font.size": 9, "text.color": _INK, "axes.edgecolor": _GRID}

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Map:
    """One heat map: what of a row it shows, how its colours run."""

    title: str
    value: Callable[[Row], float | None]
    colours: str
    kind: str


MAPS = (
    Map("gradient norm (log)", lambda row: row.gradient_norm, "viridis", "log"),
    Map("update norm (log)", lambda row: row.update_norm, "viridis", "log"),
    Map("interference: cosine of new task and retention", lambda row: row.interference, "RdBu", "signed"),
    Map("drift from base, 1 - cosine", lambda row: row.drift_cosine, "magma_r", "plain"),
    Map("drift from base, relative length", lambda row: row.drift_l2, "magma_r", "plain"),
)


def draw_watch(steps: Sequence[LoggedStep], rows: Sequence[Row]) -> bytes:
    """The loss, and a heat map of each measured quantity over layers and steps, as PNG. Alarms are crosses."""
    shown = [found for found in MAPS if any(found.value(row) is not None for row in rows)]
    with plt.rc_context(_STYLE):
        heights = [1.0, *[1.5] * len(shown)]
        size = (9.5, 1.3 * sum(heights) + 0.6)
        figure, axes = plt.subplots(
            len(heights), 1, figsize=size, height_ratios=heights, dpi=100, layout="constrained", squeeze=False
        )
        _draw_loss(axes[0, 0], steps)
        for place, found in enumerate(shown, start=1):
            _draw_map(figure, axes[place, 0], found, rows)
        axes[-1, 0].set_xlabel("step")
        return _png(figure)


def draw_front(evaluations: Sequence[Evaluation], most_kl: float | None = None) -> bytes:
    """Every checkpoint's target against its retention, as PNG; the front is joined, the chosen one is marked.

    Beside each stands its step, and its KL from base where that was measured.
    """
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(6.4, 4.0), dpi=100, layout="constrained")
        _plain(axes)
        joined = sorted(front(eligible(evaluations, most_kl)), key=lambda e: e.point)
        axes.plot([e.point[0] for e in joined], [e.point[1] for e in joined], color=_TARGET, linewidth=1.2)
        axes.scatter([e.point[0] for e in evaluations], [e.point[1] for e in evaluations], color=_INK, s=18)
        chosen = best(evaluations, most_kl)
        axes.scatter(
            chosen.point[0], chosen.point[1], s=110, facecolors="none", edgecolors=_ALARM, linewidths=1.6
        )
        for one in evaluations:
            label = f"{one.step}" if one.kl is None else f"{one.step} ({one.kl:.2f})"
            axes.annotate(label, one.point, textcoords="offset points", xytext=(5, 4), fontsize=8)
        axes.set_xlabel("target: mean score")
        axes.set_ylabel("retention: 1 - mean relative loss")
        far = " (KL from base)" if any(one.kl is not None for one in evaluations) else ""
        axes.set_title(f"Checkpoints, by step{far}; circled is the one taken", loc="left", fontsize=10)
        return _png(figure)


def grid(found: Map, rows: Sequence[Row]) -> tuple[list[int], list[str], Floats]:
    """Steps, layers, and the values (layers, steps) of one map; steps at which nothing was measured are left out."""
    known = [(row.step, row.layer, value) for row in rows if (value := found.value(row)) is not None]
    steps = sorted({step for step, _, _ in known})
    layers = list(dict.fromkeys(layer for _, layer, _ in known))
    place = {step: n for n, step in enumerate(steps)}, {layer: n for n, layer in enumerate(layers)}
    values = np.full((len(layers), len(steps)), np.nan)
    for step, layer, value in known:
        values[place[1][layer], place[0][step]] = value
    return steps, layers, values


def _draw_loss(axes: Axes, steps: Sequence[LoggedStep]) -> None:
    _plain(axes)
    axes.plot([s.step for s in steps], [s.loss for s in steps], color=_INK, linewidth=1.3)
    axes.set_yscale("log")
    axes.set_title("loss per labelled token (log)", loc="left", fontsize=9)
    axes.set_xlim(0.5, max((s.step for s in steps), default=1) + 0.5)


def _draw_map(figure: Any, axes: Axes, found: Map, rows: Sequence[Row]) -> None:
    steps, layers, values = grid(found, rows)
    # Each column reaches half-way to its neighbours, so that rare measurements are not drawn as thin lines.
    middles = [(a + b) / 2 for a, b in pairwise(steps)]
    edges = [steps[0] - 0.5, *middles, steps[-1] + 0.5]
    drawn = axes.pcolormesh(
        edges, np.arange(len(layers) + 1) - 0.5, values, cmap=found.colours, norm=_norm(found.kind, values)
    )
    figure.colorbar(drawn, ax=axes, pad=0.01, fraction=0.03)
    axes.set_title(found.title, loc="left", fontsize=9)
    axes.set_xlim(0.5, max(row.step for row in rows) + 0.5)
    every = max(1, math.ceil(len(layers) / 6))
    axes.set_yticks(range(0, len(layers), every), layers[::every])
    alarms = [(row.step, layers.index(row.layer)) for row in rows if row.runs_away and row.layer in layers]
    if alarms and found.kind == "log":
        axes.scatter([s for s, _ in alarms], [n for _, n in alarms], marker="x", color=_ALARM, s=24)


def _norm(kind: str, values: Floats) -> Normalize:
    known = values[np.isfinite(values)]
    if kind == "signed":
        far = max(float(np.abs(known).max(initial=0.0)), 1e-6)
        return TwoSlopeNorm(0.0, -far, far)
    if kind == "log" and (known > 0).any():
        low, high = float(known[known > 0].min()), float(known.max())
        return LogNorm(low, high if high > low else 10.0 * low)
    return Normalize(0.0, max(float(known.max(initial=0.0)), 1e-6))


def _plain(axes: Axes) -> None:
    axes.grid(color=_GRID, linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()
