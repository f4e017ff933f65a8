"""The plan as a picture: how long a drop lives against its size. Apart from `planner`, as matplotlib is slow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import product
from math import inf
from pathlib import Path
from typing import Final, Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evaluator.watch.planning.planner import Checked, Forecast, Plan
from telemetry.files import write_renamed

_STYLES: Final[tuple[Literal["-", "--", "-.", ":"], ...]] = ("-", "--", "-.", ":")


def plot(plan: Plan, forecasts: Sequence[Forecast], path: Path, checked: Sequence[Checked] = ()) -> None:
    """Draw interactions until a drop is found (p50, and a band to p90), as PNG.

    A colour is a capability, a dash pattern a shadow fraction (up to four of them).
    """
    figure = Figure(figsize=(9, 5), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    names = list(dict.fromkeys(f.capability for f in forecasts))
    shadows = sorted({f.shadow for f in forecasts})[: len(_STYLES)]
    colours = {name: f"C{number % 10}" for number, name in enumerate(names)}
    for name, (shadow, style) in product(names, zip(shadows, _STYLES, strict=False)):
        own = sorted(
            (f.drop * 100, f.p50, f.p90)
            for f in forecasts
            if (f.capability, f.shadow) == (name, shadow) and f.p90 < inf
        )
        if own:
            drops, p50, p90 = zip(*own, strict=True)
            axes.plot(drops, p50, style, marker="o", markersize=3, color=colours[name])
            axes.fill_between(drops, p50, p90, alpha=0.07, color=colours[name])
    for one in checked:
        if one.p50 < inf:
            axes.plot(one.forecast.drop * 100, one.p50, "x", color=colours[one.forecast.capability])
    axes.set(yscale="log", xlabel="true drop in points", ylabel="interactions until rollback")
    stages = " -> ".join(f"{share:.0%}" for share, _ in plan.stages)
    axes.set_title(f"How long a drop lives (p50 to p90), stages {stages}", fontsize=10)
    axes.grid(alpha=0.3)
    handles = [Line2D([], [], color=colours[name], label=name) for name in names]
    handles += [
        Line2D([], [], color="grey", linestyle=style, label=f"{shadow:.0%} shadow pairs")
        for shadow, style in zip(shadows, _STYLES, strict=False)
    ]
    if checked:
        handles.append(Line2D([], [], color="grey", marker="x", linestyle="", label="simulated p50"))
    figure.legend(handles=handles, loc="outside right upper", fontsize=8, frameon=False)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_renamed(path, content.getvalue())
