"""The benchmark's one table: what every method scored, averaged over seeds, beside base."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import mean

from _retention.runs import Lab
from _retention.suite import Scores

TARGET = "intent"


class Table:
    """What every method scored, averaged over seeds, beside base."""

    def __init__(self, lab: Lab, base: Scores) -> None:
        self._thresholds = {c.name: c.threshold for c in lab.loaded.brief.capabilities}
        self._floor = {c.name: c.chance for c in lab.loaded.brief.capabilities} | {
            "arc_easy": 0.25,
            "piqa": 0.5,
        }
        self._base = {name: mean(scores) for name, scores in base.items()}
        self.rows: dict[str, dict[str, float]] = {}
        self.seeds: dict[str, int] = {}

    def add(self, method: str, runs: Sequence[Scores]) -> None:
        """Keep a method's mean score of each capability over all seeds."""
        self.seeds[method] = len(runs)
        self.rows[method] = {name: mean(mean(run[name]) for run in runs) for name in runs[0]}

    def gain(self, method: str) -> float:
        """Points gained on the target."""
        return self.rows[method][TARGET] - self._base[TARGET]

    @property
    def watched(self) -> list[str]:
        """The adjacent capabilities in which base is above chance by more than the threshold."""
        return [
            name
            for name, value in self._base.items()
            if name != TARGET and value - self._floor[name] > self._threshold(name)
        ]

    def losses(self, method: str) -> dict[str, float]:
        """(base - candidate) / base of each watched capability; negative where it gained."""
        return {n: (self._base[n] - self.rows[method][n]) / self._base[n] for n in self.watched}

    def retention(self, method: str) -> float:
        """1 - mean relative loss, where a gain in one capability does not make up for a loss in another."""
        return 1.0 - mean(max(loss, 0.0) for loss in self.losses(method).values())

    def over(self, method: str) -> list[str]:
        """Watched capabilities whose mean fell by more than their threshold."""
        drops = {n: self._base[n] - self.rows[method][n] for n in self.watched}
        return [name for name, drop in drops.items() if drop > self._threshold(name) + 1e-9]

    def _threshold(self, name: str) -> float:
        return self._thresholds.get(name, 0.08)

    def lines(self) -> list[str]:
        """The table for people."""
        head = f"{'method':<14}{'seeds':>6}{'target':>8}{'kept':>8}{'over':>6}  " + " ".join(
            f"{n[:9]:>9}" for n in self._base
        )
        found = [head, f"{'base':<44}" + " ".join(f"{v:>9.2f}" for v in self._base.values())]
        for method, row in self.rows.items():
            scores = " ".join(f"{row[name]:>9.2f}" for name in self._base)
            kept, over = self.retention(method), len(self.over(method))
            found.append(
                f"{method:<14}{self.seeds[method]:>6}{row[TARGET]:>8.3f}{kept:>8.3f}{over:>6}  {scores}"
            )
        return found


def at_equal_target(table: Table, method: str) -> tuple[float, float, str]:
    """What a method keeps, what LoRA keeps where it has gained as much (between its numbers of steps), and the points.

    With less target gained than LoRA's fewest steps, the way there begins at base.
    """
    curve = sorted((table.gain(m), table.retention(m)) for m in table.rows if m.startswith("lora"))
    curve.insert(0, (0.0, 1.0))
    told = ", ".join(f"({gain:.2f}, {kept:.3f})" for gain, kept in curve)
    return table.retention(method), _interpolated(curve, table.gain(method)), told


def _interpolated(curve: Sequence[tuple[float, float]], at: float) -> float:
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x0 <= at <= x1:
            return y0 + (y1 - y0) * ((at - x0) / (x1 - x0) if x1 > x0 else 1.0)
    return curve[-1][1]
