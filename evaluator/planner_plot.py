"""The plan as a picture: how long a drop lives against its size. Apart from `planner`, as matplotlib is slow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from math import inf
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from evaluator.planner import Checked, Forecast, Plan
from telemetry.files import write_renamed


def plot(plan: Plan, forecasts: Sequence[Forecast], path: Path, checked: Sequence[Checked] = ()) -> None:
    """Draw interactions until a drop is found (p50 and p90), a line a capability and shadow fraction, as PNG."""
    figure = Figure(figsize=(7, 4), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, shadow in dict.fromkeys((f.capability, f.shadow) for f in forecasts):
        own = sorted(
            (f.drop * 100, f.p50, f.p90)
            for f in forecasts
            if (f.capability, f.shadow) == (name, shadow) and f.p90 < inf
        )
        if own:
            drops, p50, p90 = zip(*own, strict=True)
            (line,) = axes.plot(drops, p50, marker="o", label=f"{name}, {shadow:.0%} shadow pairs")
            axes.fill_between(drops, p50, p90, alpha=0.15, color=line.get_color())
    seen = [(c.forecast.drop * 100, c.p50) for c in checked if c.p50 < inf]
    if seen:
        axes.plot(*zip(*seen, strict=True), "kx", label="simulated p50")
    axes.set(yscale="log", xlabel="true drop in points", ylabel="interactions until rollback")
    stages = " -> ".join(f"{share:.0%}" for share, _ in plan.stages)
    axes.set_title(f"How long a drop lives (p50 to p90), stages {stages}", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_renamed(path, content.getvalue())
