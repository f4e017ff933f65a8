"""Many rollouts at once: made traffic and models, and when the watch would have rolled each back.

Planner, drill and benchmark ask what happens on average, which takes hundreds of rollouts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from evaluator.watch.planning.fleet import Bools, Fleet, Floats, Ints


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
