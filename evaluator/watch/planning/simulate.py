"""Many rollouts at once: the arithmetic of `sequential`, vectorised over runs with numpy.

Planner, drill and benchmark ask what happens on average, which takes hundreds of rollouts. A test holds this
file to the product's own processes, score by score, to 1e-9.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

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
        self.wealth = np.tile(0.5 * self.part, (runs * k, 1))
        self.steps = np.zeros(runs * k, dtype=np.int64)
        self.e_values = np.ones(runs * k)
        self.pool = np.tile(np.array(pool_weights), (runs, 1))
        self._reserve = np.array([0.5])

    def unpaired(self, run: Ints, k: Ints, pi: Floats, candidate: Bools, y: Floats) -> None:
        """Settle one unit in capability `k` of each of `run`."""
        cell = run * self.k + k
        factors = unpaired_factors(self.past, cell, pi, candidate, y, self.delta[k], self.grid)
        self._multiply(run, k, cell, factors)
        self.past.add(cell, candidate, y)

    def pair(self, run: Ints, k: Ints, control: Floats, candidate: Floats) -> None:
        """Settle one pair in capability `k` of each of `run`."""
        cell = run * self.k + k
        factors = pair_factors(self.past, cell, control - candidate, self.delta[k], self.grid)
        self._multiply(run, k, cell, factors)
        self.past.add_pair(cell, control, candidate)

    def _multiply(self, run: Ints, k: Ints, cell: Ints, factors: Floats) -> None:
        steps = self.steps[cell]
        if len(steps) and int(steps.max()) + 2 > len(self._reserve):
            self._reserve = 0.5 / (1.0 + np.log(1.0 + np.arange(2 * len(self._reserve) + 64) / 500.0))
        before, after = self._reserve[steps], self._reserve[steps + 1]
        self.steps[cell] = steps + 1
        wealth = self.wealth[cell]
        wealth += (before - after)[:, None] * self.part
        wealth *= factors
        np.minimum(wealth, CEILING / len(self.grid), out=wealth)
        self.wealth[cell] = wealth
        self.e_values[cell] = wealth.sum(axis=1) + after
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


@dataclass(frozen=True)
class World:
    """Traffic and models of a simulated rollout; one value a capability.

    `drop` is the candidate's true loss. `discordant` is P(the two arms' scores differ) in a pair, None for
    independent answers. `stages` are (share of candidate, interactions until the next stage); the last one
    lasts. `shadow` is the fraction of a capability's interactions that become pairs; a prompt is taken for
    another capability with chance `mistagged`, which sends shadows astray and nothing else. `fresh` is the chance
    that an interaction is its subject's first. `drift` is added to the base rate at a point of the horizon in
    [0, 1].
    """

    traffic: tuple[float, ...]
    base: tuple[float, ...]
    drop: tuple[float, ...]
    stages: tuple[tuple[float, int], ...] = ((0.5, 0),)
    shadow: tuple[float, ...] | float = 0.0
    discordant: float | None = None
    mistagged: float = 0.0
    fresh: float = 1.0
    drop_from: int = 0
    drift: Callable[[float], float] | None = field(default=None, compare=False)

    def share_at(self, t: int) -> float:
        """The candidate's share at interaction `t`."""
        for share, length in self.stages[:-1]:
            if t < length:
                return share
            t -= length
        return self.stages[-1][0]


@dataclass(frozen=True)
class Block:
    """Some interactions of every run: arrays of shape (interactions, runs). `share` has one value a row.

    `control` and `changed` are both arms' scores; which of them is seen depends on `candidate` and `pair`.
    An interaction becomes a pair where its `lot` falls below the fraction that its `tag` has then: the capability
    that the router takes it for.
    """

    start: int
    share: Floats
    k: Ints
    candidate: Bools
    pair: Bools
    lot: Floats
    fresh: Bools
    control: Floats
    changed: Floats
    tag: Ints


def draw(world: World, runs: int, start: int, length: int, horizon: int, rng: np.random.Generator) -> Block:
    """The next `length` interactions of every run. Same seed, same sequence of calls: same streams."""
    shape = (length, runs)
    edges = np.cumsum(np.array(world.traffic))
    k = np.minimum(np.searchsorted(edges, rng.random(shape) * edges[-1], side="right"), len(edges) - 1)
    at = np.arange(start, start + length)
    share = np.array([world.share_at(int(t)) for t in at])
    moved = np.zeros(length) if world.drift is None else np.array([world.drift(t / horizon) for t in at])
    p_a = np.clip(np.array(world.base)[k] + moved[:, None], 0.0, 1.0)
    lost = np.array(world.drop)[k] * (at >= world.drop_from)[:, None]
    p_b = np.clip(p_a - lost, 0.0, 1.0)
    control = rng.random(shape) < p_a
    apart = rng.random(shape)
    if world.discordant is None:
        changed = apart < p_b
    else:
        # joint cells: P(1, 0) - P(0, 1) = drop and P(1, 0) + P(0, 1) = discordant, as far as both fit
        worse = np.clip((world.discordant + p_a - p_b) / 2.0, np.maximum(p_a - p_b, 0.0), p_a)
        better = worse - (p_a - p_b)
        flips = np.where(control, worse / np.maximum(p_a, 1e-12), better / np.maximum(1.0 - p_a, 1e-12))
        changed = control ^ (apart < flips)
    shadow = np.broadcast_to(np.array(world.shadow, dtype=float), (len(edges),))[k]
    candidate, lot = rng.random(shape) < share[:, None], rng.random(shape)
    fresh = rng.random(shape) < world.fresh
    tag = k
    if world.mistagged > 0.0:
        tag = np.where(rng.random(shape) < world.mistagged, rng.integers(len(edges), size=shape), k)
    return Block(
        start=start,
        share=share,
        k=k,
        candidate=candidate,
        pair=lot < shadow,
        lot=lot,
        fresh=fresh,
        control=control.astype(float),
        changed=changed.astype(float),
        tag=tag,
    )


@dataclass(frozen=True)
class Outcome:
    """What became of every run: interactions until rollback (0 = never), and what had been served by then.

    `bad` counts answers of the candidate arm that scored below what control would have scored; `failing`
    counts answers of the candidate arm that scored 0; `units` counts units and pairs of the dropped
    capabilities.
    """

    stopped: Ints
    bad: Ints
    failing: Ints
    units: Ints

    @property
    def found(self) -> float:
        """Fraction of runs that were rolled back."""
        return float((self.stopped > 0).mean())


def roll_out(
    world: World,
    *,
    deltas: Sequence[float],
    horizon: int,
    runs: int,
    seed: int,
    alpha: float = 0.01,
    weights: Sequence[float] | None = None,
    pooled: Sequence[bool] | None = None,
    watch: Callable[[Block], bool] | None = None,
    allot: Callable[[Fleet], Floats] | None = None,
    block: int = 250,
) -> Outcome:
    """Simulate `runs` rollouts of at most `horizon` interactions.

    `watch` sees every block, so that peers' rules run on the same streams, and says whether it wants more.
    `allot` gives the shadow fractions, (runs, capabilities), of the next block from the past alone.
    """
    rng = np.random.default_rng(seed)
    fleet = Fleet(runs, deltas, weights, pooled)
    stopped = np.zeros(runs, dtype=np.int64)
    bad, failing, units = (np.zeros(runs, dtype=np.int64) for _ in range(3))
    dropped = np.array(world.drop) > np.array(deltas)
    active = np.arange(runs)
    for start in range(0, horizon, block):
        part = draw(world, runs, start, min(block, horizon - start), horizon, rng)
        if allot is not None:
            fractions = allot(fleet)
            part = replace(part, pair=part.lot < fractions[np.arange(runs), part.tag])
        wanted = watch is not None and watch(part)
        if not len(active) and not wanted:
            break
        for row in range(len(part.share)):
            k, candidate = part.k[row][active], part.candidate[row][active]
            control, changed = part.control[row][active], part.changed[row][active]
            counts = dropped[k]
            bad[active] += candidate & counts & (changed < control)
            failing[active] += candidate & counts & (changed <= 0.0)
            _settle(fleet, active, part, row, units, counts)
            over = fleet.combined(active) >= 1.0 / alpha
            if over.any():
                stopped[active[over]] = start + row + 1
                active = active[~over]
                if not len(active):
                    break
    return Outcome(stopped, bad, failing, units)


def _settle(fleet: Fleet, active: Ints, part: Block, row: int, units: Ints, counts: Bools) -> None:
    paired = part.pair[row][active]
    share = float(part.share[row])
    if paired.any():
        run = active[paired]
        fleet.pair(run, part.k[row][run], part.control[row][run], part.changed[row][run])
        units[run] += counts[paired]
    single = ~paired & part.fresh[row][active]
    if 0.0 < share < 1.0 and single.any():
        run = active[single]
        candidate = part.candidate[row][run]
        y = np.where(candidate, part.changed[row][run], part.control[row][run])
        fleet.unpaired(run, part.k[row][run], np.full(len(run), share), candidate, y)
        units[run] += counts[single]
