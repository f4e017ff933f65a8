"""The planner: before launch, how long until a drop is found, what it costs, and what shadow pairs would buy.

The estimate treats the evidence against a drop as a random walk whose clock is information: after tau nats of
information (`planning.limits`) its logarithm is about normal with mean tau and variance 2*tau, so that the
information needed to climb n nats is inverse Gaussian with mean n and shape n^2/2. Traffic, stages, returning
subjects and shadow pairs only set how fast that clock runs: pairs as they are allotted half of the way there.
Towards the end more of them go where the evidence points, so that a drop in a rare capability is found up to a
third sooner than estimated.
n is what a capability must win to move M across the bar: log 1/(alpha * .7 * w_k), and `OVERHEAD` for the
reserve and for not knowing the size of the drop. `check_by_simulation` runs the watch itself on the same plan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, log

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from scipy.stats import invgauss

from evaluator.briefs.brief import Settings
from evaluator.watch.evidence.allocation import Need, fractions
from evaluator.watch.evidence.sequential import GRID, PRIOR_SECOND_MOMENT
from evaluator.watch.planning.fleet import Fleet
from evaluator.watch.planning.limits import (
    independent_discordance,
    pair_information,
    unpaired_information,
)
from evaluator.watch.planning.simulate import World, roll_out
from telemetry.errors import UsageError

DROPS = (0.03, 0.05, 0.10, 0.20)
SHADOWS = (0.0, 0.05, 0.10, 0.20)
BLOCK = 200
"""Interactions between two allotments in the simulation, about as often as the watch makes them."""
OVERHEAD = 2.5
"""Nats on top: .7 for the half in reserve, 1.8 to 2.7 for the mixture over drops, less what several components
win together and what the reserve pays in meanwhile. Set so that the estimate meets the simulation (p50 and p90
within about 15% over drops of 10 and 20 points, with and without pairs and stages)."""


class PlannedCapability(Settings):
    """What the plan needs of one capability: fraction of traffic, base rate, threshold, part of alpha."""

    name: str
    traffic: float
    base: float
    threshold: float
    weight: float


class Plan(Settings):
    """A rollout as planned. `rate` is interactions a second; a stage is (share, interactions until the next).

    `shadow` is the fraction of all traffic that both arms answer, allotted to capabilities as `evidence.allocation`
    does; `evenly` is for routers without a word table. `fresh` is the fraction of interactions that are their
    subject's first. `discordant` is how often the arms' scores of one prompt differ; None reckons with answers that
    are good or bad independently (the worst case).
    """

    capabilities: tuple[PlannedCapability, ...]
    rate: float
    stages: tuple[tuple[float, int], ...]
    alpha: float = 0.01
    shadow: float = 0.0
    evenly: bool = False
    fresh: float = 0.5
    discordant: float | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """One drop in one capability: interactions of all traffic until it is found (inf = never), and bad answers.

    Bad answers are those that the candidate served until then (p50) and base would have got right.
    """

    capability: str
    drop: float
    shadow: float
    p50: float
    p90: float
    bad_answers: float

    def hours(self, rate: float) -> tuple[float, float]:
        """p50 and p90 in hours at `rate` interactions a second."""
        return self.p50 / rate / 3600.0, self.p90 / rate / 3600.0


@dataclass(frozen=True, slots=True)
class Checked:
    """A forecast beside what the watch did in simulation; a quantile is inf where fewer runs ended in time."""

    forecast: Forecast
    runs: int
    horizon: int
    p50: float
    p90: float


def forecast(
    plan: Plan, drops: Sequence[float] = DROPS, shadows: Sequence[float] | None = None
) -> tuple[Forecast, ...]:
    """The estimate for every capability, drop and shadow fraction (the plan's own where none are given).

    Raises UsageError for a plan without capabilities, stages or traffic.
    """
    _check(plan)
    return tuple(
        _forecast_one(plan, c, drop, shadow)
        for c in plan.capabilities
        for drop in drops
        for shadow in (shadows if shadows is not None else [plan.shadow])
    )


def check_by_simulation(
    plan: Plan, forecasts: Sequence[Forecast], *, runs: int = 60, horizon: int = 50_000, seed: int = 7
) -> tuple[Checked, ...]:
    """Run the watch on each forecast's drop: all capabilities, `runs` rollouts of at most `horizon` interactions."""
    checked = []
    for one in forecasts:
        world = World(
            traffic=tuple(c.traffic for c in plan.capabilities),
            base=tuple(c.base for c in plan.capabilities),
            drop=tuple(min(one.drop, c.base) if c.name == one.capability else 0.0 for c in plan.capabilities),
            stages=plan.stages,
            shadow=shadows_of(plan, one.shadow),
            discordant=plan.discordant,
            fresh=plan.fresh,
        )
        out = roll_out(
            world,
            deltas=[c.threshold for c in plan.capabilities],
            weights=[c.weight for c in plan.capabilities],
            horizon=horizon,
            runs=runs,
            seed=seed,
            alpha=plan.alpha,
            allot=None if plan.evenly or one.shadow == 0.0 else _allotting(plan, one.shadow),
            block=BLOCK,
        )
        ends = np.sort(np.where(out.stopped > 0, out.stopped.astype(float), inf))
        p50, p90 = (float(ends[min(int(q * runs), runs - 1)]) for q in (0.5, 0.9))
        checked.append(Checked(one, runs, horizon, p50, p90))
    return tuple(checked)


def shadows_of(plan: Plan, shadow: float, dropped: str | None = None) -> tuple[float, ...]:
    """The fraction of each capability's interactions that become pairs.

    That is before any evidence, or, where one has `dropped`, when there is as much evidence against it as against
    all others together: half of the way, on which most pairs are spent.
    """
    if plan.evenly or shadow <= 0.0:
        return (shadow,) * len(plan.capabilities)
    others = sum(c.weight for c in plan.capabilities if c.name != dropped)
    needs = [
        Need(
            c.traffic,
            c.weight,
            others / c.weight if c.name == dropped and others else 1.0,
            PRIOR_SECOND_MOMENT,
        )
        for c in plan.capabilities
    ]
    return fractions(needs, shadow, plan.alpha)[0]


def _allotting(plan: Plan, shadow: float) -> Callable[[Fleet], NDArray[np.float64]]:
    """The allotment of every run as the evidence moves it."""
    k = len(plan.capabilities)

    def allot(fleet: Fleet) -> NDArray[np.float64]:
        moments = (fleet.past.pair_squares / fleet.past.pairs).reshape(-1, k)
        return np.array(
            [
                fractions(
                    [Need(c.traffic, c.weight, e[j], v[j]) for j, c in enumerate(plan.capabilities)],
                    shadow,
                    plan.alpha,
                )[0]
                for e, v in zip(fleet.e_values.reshape(-1, k), moments, strict=True)
            ]
        )

    return allot


def render(plan: Plan, forecasts: Sequence[Forecast]) -> Table:
    """The forecasts as a table for the terminal."""
    table = Table(title=f"How long a drop lives at {plan.rate:g} interactions/s (p50 / p90)")
    table.add_column("capability")
    for heading in ("drop", "shadow", "interactions", "time", "bad answers served"):
        table.add_column(heading, justify="right")
    for one in forecasts:
        p50, p90 = one.hours(plan.rate)
        table.add_row(
            one.capability,
            f"{one.drop * 100:.0f} points",
            f"{one.shadow:.0%}",
            f"{_number(one.p50)} / {_number(one.p90)}",
            f"{_duration(p50)} / {_duration(p90)}",
            _number(one.bad_answers),
        )
    return table


def render_shadows(plan: Plan, drop: float, shadows: Sequence[float] = SHADOWS) -> Table:
    """What shadow pairs buy: interactions until `drop` is found (p50), by the fraction that is shadowed."""
    table = Table(
        title=f"What shadow pairs buy: interactions until a drop of {drop * 100:.0f} points is found (p50)"
    )
    table.add_column("capability")
    for shadow in shadows:
        table.add_column("none" if shadow == 0.0 else f"{shadow:.0%}", justify="right")
    for capability in plan.capabilities:
        found = [_forecast_one(plan, capability, drop, shadow) for shadow in shadows]
        table.add_row(capability.name, *(_number(one.p50) for one in found))
    return table


def _forecast_one(plan: Plan, capability: PlannedCapability, drop: float, shadow: float) -> Forecast:
    drop = min(drop, capability.base)
    nats = log(1.0 / (plan.alpha * 0.7 * capability.weight)) + OVERHEAD
    pairs = shadows_of(plan, shadow, capability.name)[plan.capabilities.index(capability)]
    p50, p90 = (_arrival(plan, capability, drop, pairs, _information_quantile(nats, q)) for q in (0.5, 0.9))
    served = _served(plan, p50) * capability.traffic
    return Forecast(capability.name, drop, shadow, p50, p90, served * drop)


def _information_quantile(nats: float, q: float) -> float:
    """Quantile of the information needed to climb `nats`: inverse Gaussian, mean n, shape n^2/2."""
    shape = nats * nats / 2.0
    return float(invgauss.ppf(q, nats / shape, scale=shape))


def _speed(plan: Plan, c: PlannedCapability, drop: float, shadow: float, share: float) -> float:
    """Nats per interaction of all traffic: units and pairs of this capability.

    What is won is the growth of the best component of the grid, which misses the true drop a little.
    """
    discordant = plan.discordant if plan.discordant is not None else independent_discordance(c.base, drop)
    pair = pair_information(drop, max(discordant, drop), c.threshold)
    unit = unpaired_information(c.base, drop, c.threshold, share) if 0.0 < share < 1.0 else 0.0
    excess = drop - c.threshold
    if excess <= 0.0:
        return 0.0
    fit = max(2.0 * g / excess - (g / excess) ** 2 for g in GRID)
    return c.traffic * fit * (shadow * pair + (1.0 - shadow) * plan.fresh * unit)


def _arrival(plan: Plan, c: PlannedCapability, drop: float, shadow: float, nats: float) -> float:
    """Interactions until the information clock shows `nats`; inf where it stands still."""
    before = 0.0
    for number, (share, length) in enumerate(plan.stages):
        speed = _speed(plan, c, drop, shadow, share)
        if number == len(plan.stages) - 1:
            return before + nats / speed if speed > 0.0 else inf
        if speed * length >= nats:
            return before + nats / speed
        nats -= speed * length
        before += length
    return inf


def _served(plan: Plan, interactions: float) -> float:
    """Interactions that the candidate answered among the first so many."""
    total = 0.0
    for number, (share, length) in enumerate(plan.stages):
        last = number == len(plan.stages) - 1
        part = interactions if last else min(interactions, length)
        total += share * part
        interactions -= part
        if interactions <= 0.0:
            break
    return total


def _check(plan: Plan) -> None:
    if not plan.capabilities or not plan.stages or plan.rate <= 0.0:
        raise UsageError(
            f"a plan needs capabilities ({len(plan.capabilities)}), stages ({len(plan.stages)}) and a rate above 0 "
            f"({plan.rate})",
            hint="For example: --rate 40/s --stages 0.05,0.25,0.5",
        )


def _number(value: float) -> str:
    return "never" if value == inf else f"{value:,.0f}"


def _duration(hours: float) -> str:
    if hours == inf:
        return "never"
    if hours < 1.0:
        return f"{hours * 60.0:.0f} min"
    return f"{hours:.1f} h" if hours < 48.0 else f"{hours / 24.0:.1f} days"
