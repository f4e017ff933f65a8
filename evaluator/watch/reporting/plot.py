"""The closing summary as a picture: evidence over the rollout, and what each arm scored."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from evaluator.watch.reporting.summary import Summary

_INK, _GRID = "#1f2933", "#d9e2ec"
_CONTROL, _CANDIDATE, _ALARM = "#486581", "#e8833a", "#c81e1e"
_COLOURS = ("#2563eb", "#0d9488", "#9333ea", "#ca8a04", "#db2777", "#4d7c0f", "#0891b2", "#7c2d12", "#64748b")
_LOWEST = 0.004


def draw_summary(summary: Summary, path: Path) -> Path:
    """Draw the summary to a PNG file, written beside its name and renamed. Returns `path`."""
    with plt.rc_context({"font.family": "DejaVu Sans", "font.size": 10, "text.color": _INK}):
        figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.4), width_ratios=(1.35, 1), dpi=110)
        _draw_evidence(left, summary)
        _draw_scores(right, summary)
        figure.suptitle(_headline(summary), fontsize=14, fontweight="bold", x=0.012, ha="left")
        figure.tight_layout(rect=(0, 0, 1, 0.95))
        partial = path.with_suffix(".partial.png")
        figure.savefig(partial)
        plt.close(figure)
    partial.rename(path)
    return path


def _headline(summary: Summary) -> str:
    if summary.outcome == "rolled_back":
        return (
            f"{summary.candidate}: rolled back after {summary.interactions_until_decision:,} interactions"
            if summary.interactions_until_decision is not None
            else f"{summary.candidate}: rolled back by hand"
        )
    return f"{summary.candidate}: no regression found in {summary.interactions:,} interactions"


def _draw_evidence(axes: Axes, summary: Summary) -> None:
    _plain(axes)
    axes.set_yscale("log")
    axes.set_title("Evidence against the candidate (weighted e-value)", loc="left", fontsize=11)
    axes.set_xlabel("scored interactions")
    xs = [p.scored for p in summary.points]
    names = [c.capability for c in summary.evidence if c.watched]
    for name, colour in zip(names, _COLOURS * 3, strict=False):
        ys = [max(p.e_values.get(name, 0.0), _LOWEST) for p in summary.points]
        axes.plot(xs, ys, color=colour, linewidth=1.2, label=name.replace("_", " "))
    combined = [max(p.combined, _LOWEST) for p in summary.points]
    axes.plot(xs, combined, color=_INK, linewidth=2.2, label="all together")
    axes.axhline(summary.bar, color=_ALARM, linestyle="--", linewidth=1.4)
    axes.text(
        xs[0] if xs else 0, summary.bar * 1.25, f"roll back at {summary.bar:.0f}", color=_ALARM, fontsize=9
    )
    highest = max([*combined, *(y for p in summary.points for y in p.e_values.values()), summary.bar])
    axes.set_ylim(_LOWEST, min(highest, summary.bar * 1e3) * 10)
    _mark_stages(axes, summary)
    axes.legend(fontsize=8, frameon=False, ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.11))


def _mark_stages(axes: Axes, summary: Summary) -> None:
    previous = None
    for point in summary.points:
        if point.share != previous:
            axes.axvline(point.scored, color=_GRID, linewidth=1, zorder=0)
            axes.text(
                point.scored,
                0.985,
                f" {point.share:.0%}",
                transform=axes.get_xaxis_transform(),
                va="top",
                fontsize=9,
                color=_CONTROL,
            )
            previous = point.share
    if summary.interactions_until_decision is not None:
        axes.axvline(summary.interactions_until_decision, color=_ALARM, linewidth=1.4)


def _draw_scores(axes: Axes, summary: Summary) -> None:
    _plain(axes)
    axes.set_title("Mean score of all answers, by arm", loc="left", fontsize=11)
    unwatched = {c.capability for c in summary.evidence if not c.watched}
    rows = list(reversed(summary.answers))
    for place, row in enumerate(rows):
        for arm, offset, colour in ((row.control, 0.19, _CONTROL), (row.candidate, -0.19, _CANDIDATE)):
            if arm.mean is not None:
                axes.barh(place + offset, max(arm.mean, 0.004), height=0.34, color=colour)
        if row.capability in summary.blamed:
            axes.text(1.02, place, "fired", color=_ALARM, va="center", fontsize=9, fontweight="bold")
    labels = [
        f"{r.capability.replace('_', ' ')}{' (not watched)' if r.capability in unwatched else ''}\n"
        f"{r.control.n} | {r.candidate.n}"
        for r in rows
    ]
    axes.set_yticks(range(len(rows)), labels, fontsize=8)
    axes.set_xlim(0, 1.12)
    axes.grid(axis="y", visible=False)
    axes.barh(0, 0, color=_CONTROL, label="control (base)")
    axes.barh(0, 0, color=_CANDIDATE, label="candidate")
    axes.set_xlabel("under each name: scored answers of control | candidate, shadows included", fontsize=8)
    axes.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.11), ncols=2)


def _plain(axes: Axes) -> None:
    axes.grid(visible=True, color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
