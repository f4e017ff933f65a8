"""The benchmark's picture: what each method gained on the target against what it kept of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from _retention.table import Table

_WIDE, _HIGH = 0.25, 0.045  # of a label, in the plot's units


def plot(table: Table, path: Path, methods: Sequence[str]) -> None:
    """Draw every method, and LoRA's way over its steps, into a PNG file."""
    figure = Figure(figsize=(7.2, 4.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    curve = sorted((table.gain(m), table.retention(m)) for m in table.rows if m.startswith("lora"))
    axes.plot(
        *zip((0.0, 1.0), *curve, strict=True),
        color="0.6",
        linewidth=1,
        marker=".",
        label="LoRA over its steps",
    )
    places = {method: (table.gain(method), table.retention(method)) for method in methods}
    for method, height in _apart(places).items():
        over = len(table.over(method))
        axes.scatter(*places[method], color="C3" if over else "C2", zorder=3)
        label = f"{method} ({over} over)" if over else method
        axes.annotate(
            label,
            places[method],
            (places[method][0] + 0.02, height),
            fontsize=8,
            va="center",
            arrowprops={"arrowstyle": "-", "color": "0.7", "linewidth": 0.6, "shrinkA": 1},
        )
    axes.set(xlabel="points gained on the target", ylabel="kept of the adjacent capabilities")
    axes.set_title("Target gain against retention; green: no capability over its threshold", fontsize=10)
    axes.margins(0.15)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png")


def _apart(places: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """How high each label stands, so that those of points side by side do not lie on each other."""
    heights: dict[str, float] = {}
    for method, (gain, kept) in sorted(places.items(), key=lambda item: item[1][1]):
        near = [heights[other] for other in heights if abs(places[other][0] - gain) < _WIDE]
        heights[method] = max([kept, *(height + _HIGH for height in near)])
    return heights
