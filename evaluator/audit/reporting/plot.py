"""The forest plot of an audit: where each change, interval and threshold lies, in pixels. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import copysign, floor, log10, sqrt
from typing import Final

from evaluator.audit.reporting.text import called, points
from evaluator.audit.result import AuditResult, CapabilityAudit, MeasureAudit

WIDTH: Final = 280.0
_NEAREST: Final = 30.0
"""Pixels between two ticks at least, so that their labels do not touch."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A horizontal axis from `low` to `high`, which holds 0. Its scale is a signed square root.

    A change of 2 points matters beside a threshold of 2, and one of 60 must fit beside it: on a straight scale the
    first would be a pixel or two.
    """

    low: float
    high: float

    def x(self, value: float) -> float:
        """Where a value lies, in pixels; beyond the ends it lies on them."""
        inside = min(max(value, self.low), self.high)
        low, high = _bent(self.low), _bent(self.high)
        return round((_bent(inside) - low) / (high - low) * WIDTH, 1)

    @property
    def ticks(self) -> list[float]:
        """0 and round numbers to both sides, as many as have room: 1, 2, 5, 10, ... of the axis's size."""
        found = [0.0]
        for sign, end in ((-1.0, -self.low), (1.0, self.high)):
            previous = 0.0
            for size in _round_numbers(end):
                if abs(self.x(sign * size) - self.x(previous)) >= _NEAREST:
                    previous = sign * size
                    found.append(previous)
        return sorted(found)


def _bent(value: float) -> float:
    return copysign(sqrt(abs(value)), value)


def _round_numbers(most: float) -> list[float]:
    """1, 2, 5 and their tenfolds from a hundredth of `most` up to it."""
    first = floor(log10(most)) - 2
    sizes = [round(step * 10.0**power, 6) for power in range(first, first + 4) for step in (1, 2, 5)]
    return [size for size in sizes if size <= most]


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its interval as it is drawn: lengths in pixels, `value`, `low` and `high` in the axis's unit."""

    value: float
    low: float
    high: float
    x: float
    x_low: float
    x_high: float


@dataclass(frozen=True, slots=True)
class Row:
    """One measure as it is drawn. `bar` is its change in points, None where nothing was asked."""

    capability: CapabilityAudit
    measure: MeasureAudit
    name: str
    bar: Bar | None
    x_threshold: float


@dataclass(frozen=True, slots=True)
class Forest:
    """Rows on one axis."""

    axis: Axis
    rows: tuple[Row, ...]


def forest_of(result: AuditResult) -> Forest:
    """Every measure; the axis shows each interval and threshold, in round tens."""
    asked = [m for m in result.measures if m.asked]
    axis = axis_over(
        [-100 * end for m in asked for end in (m.lower, m.upper)]
        + [-100 * m.threshold for m in result.measures],
        10.0,
    )
    rows = tuple(_row(c, m, axis) for c in result.capabilities for m in c.measures)
    return Forest(axis, rows)


def early_warnings(result: AuditResult) -> Forest | None:
    """The changes of negative log-likelihood, on an axis of their own; None where none was measured."""
    measured = [(c, m) for c in result.capabilities for m in c.measures if m.nll is not None]
    ends = [end for _, m in measured if m.nll for end in (m.nll.lower, m.nll.upper)]
    if not ends:
        return None
    axis = axis_over(ends, 0.1)
    rows = tuple(
        Row(c, m, called(c, m), bar_of(m.nll.change, m.nll.lower, m.nll.upper, axis), axis.x(0.0))
        for c, m in measured
        if m.nll is not None
    )
    return Forest(axis, rows)


def axis_over(values: Sequence[float], unit: float) -> Axis:
    """An axis over `values` in whole units, at least one to each side of 0, at most 10 times as far as 10 units."""
    most = 10.0 * unit
    low = min([*values, -unit])
    high = max([*values, unit])
    return Axis(max(-most, unit * (low // unit)), min(most, -unit * (-high // unit)))


def bar_of(value: float, low: float, high: float, axis: Axis) -> Bar:
    """A value with its interval on an axis."""
    return Bar(value, low, high, axis.x(value), axis.x(low), axis.x(high))


def _row(capability: CapabilityAudit, measure: MeasureAudit, axis: Axis) -> Row:
    change = points(measure.gap)
    bar = None
    if measure.asked and change is not None:
        bar = bar_of(change, -100 * measure.upper, -100 * measure.lower, axis)
    return Row(
        capability=capability,
        measure=measure,
        name=called(capability, measure),
        bar=bar,
        x_threshold=axis.x(-100 * measure.threshold),
    )
