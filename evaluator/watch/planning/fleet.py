"""The watch's arithmetic (`sequential`, `whose`) for many rollouts at once, vectorised over runs with numpy.

A test holds this file to the product's own processes, score by score, to 1e-9.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluator.watch.evidence.sequential import (
    CAP,
    CEILING,
    EDGE,
    GRID,
    GRID_WEIGHTS,
    POOL_WEIGHTS,
    PRIOR_MEAN,
    PRIOR_SECOND_MOMENT,
    PRIOR_VARIANCE,
    PROMOTION_SLACK,
    PROMOTION_WEIGHTS,
    PSEUDO,
)
from evaluator.watch.evidence.whose import PARTS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class FleetHistory:
    """`History` of every run and capability; a cell is run * capabilities + capability."""

    def __init__(self, cells: int) -> None:
        self.cells = cells
        self.n = np.full(2 * cells, PSEUDO)
        self.mean = np.full(2 * cells, PRIOR_MEAN)
        self.squares = np.full(2 * cells, PSEUDO * PRIOR_VARIANCE)
        self.pairs = np.full(cells, PSEUDO)
        self.pair_squares = np.full(cells, PSEUDO * PRIOR_SECOND_MOMENT)

    def add(self, cell: Ints, candidate: Bools, y: Floats) -> None:
        """Take in one score in each of `cell` (no cell twice)."""
        at = cell + self.cells * candidate
        n = self.n[at] + 1.0
        mean = self.mean[at]
        off = y - mean
        mean = mean + off / n
        self.squares[at] += off * (y - mean)
        self.n[at] = n
        self.mean[at] = mean

    def add_pair(self, cell: Ints, control: Floats, candidate: Floats) -> None:
        """Take in one pair in each of `cell`."""
        self.add(cell, np.zeros(len(cell), dtype=bool), control)
        self.add(cell, np.ones(len(cell), dtype=bool), candidate)
        self.pairs[cell] += 1.0
        self.pair_squares[cell] += (control - candidate) ** 2


def unpaired_factors(
    past: FleetHistory,
    cell: Ints,
    pi: Floats,
    candidate: Bools,
    y: Floats,
    delta: Floats,
    grid: Floats,
    mirror: bool = False,
) -> Floats:
    """`sequential.unpaired_factors` for many cells: one row a cell, one column a component."""
    mean_a = past.mean[cell]
    if mirror:
        mean_a, y = 1.0 - mean_a, 1.0 - y
    rest = 1.0 - pi
    b = cell + past.cells
    spread = past.squares[cell] / past.n[cell] / rest + past.squares[b] / past.n[b] / pi
    low = np.maximum(delta, 0.0) + EDGE
    high = 1.0 - EDGE + np.minimum(delta, 0.0)
    m = mean_a[:, None] - pi[:, None] * grid
    np.clip(m, low[:, None], high[:, None], out=m)
    bet = grid / (spread[:, None] + grid * grid)
    np.minimum(bet, (CAP * rest)[:, None] / m, out=bet)
    np.minimum(bet, (CAP * pi)[:, None] / (1.0 + delta[:, None] - m), out=bet)
    bet *= np.where(candidate, -1.0 / pi, 1.0 / rest)[:, None]
    bet *= (y + np.where(candidate, delta, 0.0))[:, None] - m
    bet += 1.0
    return np.asarray(bet)


def pair_factors(
    past: FleetHistory, cell: Ints, difference: Floats, delta: Floats, grid: Floats, mirror: bool = False
) -> Floats:
    """`sequential.pair_factors` for many cells."""
    if mirror:
        difference = -difference
    v = past.pair_squares[cell] / past.pairs[cell]
    bet = np.minimum(grid / (v[:, None] + grid * grid), (CAP / (1.0 + delta))[:, None])
    return np.asarray(1.0 + bet * (difference - delta)[:, None])


class _Processes:
    """Wealth of many `DropProcess`es, a row a cell."""

    def __init__(self, cells: int, part: Floats) -> None:
        self.part = part
        self.wealth = np.tile(0.5 * part, (cells, 1))
        self.steps = np.zeros(cells, dtype=np.int64)
        self.e_values = np.ones(cells)
        self._reserve = np.array([0.5])

    def multiply(self, cell: Ints, factors: Floats) -> None:
        """`DropProcess.multiply` in each of `cell`."""
        steps = self.steps[cell]
        if len(steps) and int(steps.max()) + 2 > len(self._reserve):
            self._reserve = 0.5 / (1.0 + np.log(1.0 + np.arange(2 * len(self._reserve) + 64) / 500.0))
        before, after = self._reserve[steps], self._reserve[steps + 1]
        self.steps[cell] = steps + 1
        wealth = self.wealth[cell]
        wealth += (before - after)[:, None] * self.part
        wealth *= factors
        np.minimum(wealth, CEILING / len(self.part), out=wealth)
        self.wealth[cell] = wealth
        self.e_values[cell] = wealth.sum(axis=1) + after

    def take_over(self, cell: Ints, other: _Processes) -> None:
        """Go on from where `other` is in each of `cell`."""
        self.wealth[cell], self.steps[cell] = other.wealth[cell], other.steps[cell]
        self.e_values[cell] = other.e_values[cell]


class DropFleet:
    """`whose.DropTests` of many cells: one bet on units and pairs, and one on each alone once both have come."""

    def __init__(self, cells: int, part: Floats) -> None:
        self.both = _Processes(cells, part)
        self.alone = tuple(_Processes(cells, part) for _ in PARTS)
        self.parts = np.array(list(PARTS.values()))
        self.scales = np.ones((cells, len(PARTS)))
        self.only = np.full(cells, -1)
        self.shared_out = np.zeros(cells, dtype=bool)
        self.e_values = np.ones(cells)

    def multiply(self, cell: Ints, kind: int, factors: Floats) -> None:
        """Settle a unit (`kind` 0) or a pair (1) in each of `cell`."""
        only = self.only[cell]
        self.only[cell] = np.where(only < 0, kind, only)
        new = cell[(only == 1 - kind) & ~self.shared_out[cell]]
        if len(new):
            self.shared_out[new] = True
            self.scales[new, kind] = self.both.e_values[new]
            self.alone[1 - kind].take_over(new, self.both)
        apart = self.shared_out[cell]
        if apart.any():
            self.alone[kind].multiply(cell[apart], factors[apart])
        self.both.multiply(cell, factors)
        self.e_values[cell] = self.both.e_values[cell]
        if apart.any():
            at = cell[apart]
            alone = np.stack([one.e_values[at] for one in self.alone], axis=1) * self.scales[at] * self.parts
            whole = (1.0 - self.parts.sum()) * self.both.e_values[at] + alone.sum(axis=1)
            self.e_values[at] = np.minimum(whole, CEILING)


class Fleet:
    """Drop processes, broad pool and M of `runs` rollouts over capabilities with thresholds `deltas`."""

    def __init__(
        self,
        runs: int,
        deltas: Sequence[float],
        weights: Sequence[float] | None = None,
        pooled: Sequence[bool] | None = None,
        grid: Sequence[float] = GRID,
        grid_weights: Sequence[float] = GRID_WEIGHTS,
        pool_weights: Sequence[float] = POOL_WEIGHTS,
    ) -> None:
        k = len(deltas)
        self.k = k
        self.grid = np.array(grid)
        self.weights = np.array(weights if weights is not None else [1.0 / k] * k)
        self.pooled = np.array(pooled if pooled is not None else [True] * k)
        self.delta = np.array(deltas)
        self.past = FleetHistory(runs * k)
        self.part = np.array(grid_weights)
        self.drop = DropFleet(runs * k, self.part)
        self.pool = np.tile(np.array(pool_weights), (runs, 1))

    @property
    def e_values(self) -> Floats:
        """E_k of every cell."""
        return self.drop.e_values

    def unpaired(self, run: Ints, k: Ints, pi: Floats, candidate: Bools, y: Floats) -> None:
        """Settle one unit in capability `k` of each of `run`."""
        cell = run * self.k + k
        factors = unpaired_factors(self.past, cell, pi, candidate, y, self.delta[k], self.grid)
        self._multiply(run, k, cell, 0, factors)
        self.past.add(cell, candidate, y)

    def pair(self, run: Ints, k: Ints, control: Floats, candidate: Floats) -> None:
        """Settle one pair in capability `k` of each of `run`."""
        cell = run * self.k + k
        factors = pair_factors(self.past, cell, control - candidate, self.delta[k], self.grid)
        self._multiply(run, k, cell, 1, factors)
        self.past.add_pair(cell, control, candidate)

    def _multiply(self, run: Ints, k: Ints, cell: Ints, kind: int, factors: Floats) -> None:
        self.drop.multiply(cell, kind, factors)
        inside = self.pooled[k]
        if inside.all():
            self.pool[run] = np.minimum(self.pool[run] * factors, CEILING)
        else:
            self.pool[run[inside]] = np.minimum(self.pool[run[inside]] * factors[inside], CEILING)

    def combined(self, run: Ints) -> Floats:
        """M of each of `run` (`sequential.combine`)."""
        won = self.weights * (self.e_values.reshape(-1, self.k)[run] - 1.0)
        product = np.minimum(np.prod(1.0 + won, axis=1), CEILING)
        return np.asarray(0.6 * (1.0 + won.sum(axis=1)) + 0.2 * product + 0.2 * self.pool[run].sum(axis=1))


class PromotionFleet:
    """`PromotionProcess` of many runs of one capability."""

    def __init__(self, runs: int, margin: float) -> None:
        self.margin = margin
        self.past = FleetHistory(runs)
        self.grid = np.array([slack * margin for slack in PROMOTION_SLACK])
        self.wealth = np.tile(np.array(PROMOTION_WEIGHTS), (runs, 1))

    def unpaired(self, run: Ints, pi: Floats, candidate: Bools, y: Floats) -> None:
        """Settle one unit in each of `run`."""
        delta = np.full(len(run), -self.margin)
        factors = unpaired_factors(self.past, run, pi, candidate, y, delta, self.grid, mirror=True)
        self.wealth[run] = np.minimum(self.wealth[run] * factors, CEILING)
        self.past.add(run, candidate, y)

    def pair(self, run: Ints, control: Floats, candidate: Floats) -> None:
        """Settle one pair in each of `run`."""
        delta = np.full(len(run), -self.margin)
        factors = pair_factors(self.past, run, control - candidate, delta, self.grid, mirror=True)
        self.wealth[run] = np.minimum(self.wealth[run] * factors, CEILING)
        self.past.add_pair(run, control, candidate)

    def e_values(self, run: Ints) -> Floats:
        """The promotion evidence of each of `run`."""
        return np.asarray(self.wealth[run].sum(axis=1))
