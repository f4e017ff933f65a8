"""Draws the pictures of docs/statistics.md with the product's own code (`python scripts/draw_statistics.py`).

Seeded; takes about a minute on one core.
"""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.stats import norm

from evaluator.watch.evidence.sequential import DropProcess, History
from evaluator.watch.planning.fleet import Fleet
from evaluator.watch.planning.planner import Plan, PlannedCapability, check_by_simulation, forecast
from evaluator.watch.planning.plot import plot
from telemetry.files import write_renamed

IMAGES = Path(__file__).parent.parent / "docs" / "img"
DELTA = 0.02


def main() -> None:
    """Draw all of them."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    draw_evidence()
    draw_looking()
    draw_plan()


def draw_evidence() -> None:
    """Evidence of one capability under an equal candidate, one at the threshold, and two drops."""
    figure, axes = _figure()
    cases = ((0.0, "no drop"), (0.02, "2 points: the threshold"), (0.1, "10 points"), (0.3, "30 points"))
    for drop, label in cases:
        rng, process, past, line = random.Random(4), DropProcess(DELTA), History(), []
        for _ in range(4_000):
            candidate = rng.random() < 0.25
            y = float(rng.random() < (0.8 - drop if candidate else 0.8))
            process.unpaired(past, 0.25, candidate, y)
            past.add(candidate, y)
            line.append(process.e_value)
            if process.e_value > 1e4:
                break
        axes.plot(line, label=label)
    axes.axhline(100, color="black", linestyle="--", linewidth=1)
    axes.text(4_000, 120, "bar: 1/alpha = 100", ha="right", fontsize=8)
    axes.set(yscale="log", xlabel="units (25% of them candidate)", ylabel="evidence E")
    axes.set_title("Evidence for a drop beyond 2 points, base rate .8", fontsize=10)
    axes.legend(fontsize=8, loc="center right")
    _save(figure, "evidence.png")


def draw_looking() -> None:
    """Runs at the boundary that were ever rolled back: a z test at every look, and the watch."""
    runs, units = 400, 10_000
    rng = np.random.default_rng(6)
    fleet, every = Fleet(runs, [DELTA]), np.arange(runs)
    zero, half = np.zeros(runs, dtype=np.int64), np.full(runs, 0.5)
    n, s = np.zeros((2, runs)), np.zeros((2, runs))
    by_z, by_watch = np.zeros(runs, dtype=bool), np.zeros(runs, dtype=bool)
    lines: dict[str, list[float]] = {"z test at 1%, asked again at every unit": [], "the watch at 1%": []}
    for at in range(units):
        candidate = rng.random(runs) < 0.5
        y = (rng.random(runs) < np.where(candidate, 0.78, 0.8)).astype(float)
        fleet.unpaired(every, zero, half, candidate, y)
        np.add.at(n, (candidate.astype(int), every), 1)
        np.add.at(s, (candidate.astype(int), every), y)
        if at >= 30:
            with np.errstate(divide="ignore", invalid="ignore"):
                mean = s / n
                z = (mean[0] - mean[1] - DELTA) / np.sqrt((mean * (1 - mean) / n).sum(axis=0))
            by_z |= np.nan_to_num(z) > norm.ppf(0.99)
            by_watch |= fleet.combined(every) >= 100
        for name, hit in zip(lines, (by_z, by_watch), strict=True):
            lines[name].append(float(hit.mean()))
    figure, axes = _figure()
    for name, line in lines.items():
        axes.plot(np.arange(1, units + 1), line, label=name)
    axes.axhline(0.01, color="black", linestyle="--", linewidth=1, label="promised: 1%")
    axes.set(xscale="log", xlim=(30, units), xlabel="units seen", ylabel="rolled back so far")
    axes.set_title(f"A candidate exactly at the threshold, {runs} runs", fontsize=10)
    axes.legend(fontsize=8)
    _save(figure, "looking.png")


def draw_plan() -> None:
    """The planner's picture for a capability with a tenth of the traffic."""
    names = ("target", *(f"adjacent_{n}" for n in range(1, 6)))
    plan = Plan(
        capabilities=tuple(
            PlannedCapability(
                name=name, traffic=0.5 if name == "target" else 0.1, base=0.8, threshold=DELTA, weight=1 / 6
            )
            for name in names
        ),
        rate=40.0,
        stages=((0.05, 2_000), (0.25, 2_000), (0.5, 0)),
        discordant=0.15,
    )
    forecasts = [f for f in forecast(plan, shadows=(0.0, 0.1)) if f.capability == "adjacent_1"]
    simulated = [f for f in forecasts if f.drop >= 0.1]
    plot(plan, forecasts, IMAGES / "plan.png", check_by_simulation(plan, simulated, runs=60, horizon=50_000))


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 3.6), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    return figure, axes


def _save(figure: Figure, name: str) -> None:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_renamed(IMAGES / name, content.getvalue())


if __name__ == "__main__":
    main()
