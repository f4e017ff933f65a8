"""What shadow pairs buy, drawn as the product draws them: allotted by the evidence and by routers' tags."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from _shape import Figure, Result

from _detection.peers import GrowthBook, Panel, describe
from _detection.world import ALPHA, BASE, DELTA, DISCORDANT
from evaluator.watch.evidence.allocation import Need, fractions
from evaluator.watch.evidence.decide import HOLD_EVERY
from evaluator.watch.planning.drill import DrillCase, DrillTraffic, Plant, run_drill
from evaluator.watch.planning.fleet import Fleet
from evaluator.watch.planning.simulate import Block, Outcome, World, roll_out
from telemetry.events import AuditRef, CapabilityWatch, ModelRef, RolloutSpec, Stage


class Allotter:
    """The product's allotment over many runs: `fractions` of `traffic_of` the tags so far, before every block."""

    def __init__(self, runs: int, k: int, budget: float) -> None:
        self.budget = budget
        self.tags = np.zeros((runs, k))
        self.now = np.full((runs, k), budget)
        self.blocks = self.pairs = self.seen = 0

    def allot(self, fleet: Fleet) -> np.ndarray:
        """The next block's fractions, from the evidence and the tags of the past; even ones at first."""
        self.blocks += 1
        if self.blocks == 1:
            return self.now
        runs, k = self.tags.shape
        e = fleet.e_values.reshape(-1, k)
        v = (fleet.past.pair_squares / fleet.past.pairs).reshape(-1, k)
        traffic = (self.tags + 1.0) / (self.tags.sum(axis=1, keepdims=True) + k + 1.0)
        for r in range(runs):
            needs = [Need(traffic[r, j], 1.0 / k, e[r, j], v[r, j]) for j in range(k)]
            self.now[r] = fractions(needs, self.budget, ALPHA)[0]
        return self.now

    def watch(self, block: Block) -> bool:
        """Count the tags of what had a chance of a shadow, as routers record them."""
        runs, k = self.tags.shape
        considered = block.lot < self.now.max(axis=1)
        cell = np.arange(runs) * k + block.tag
        self.tags += np.bincount(cell[considered], minlength=runs * k).reshape(runs, k)
        self.pairs, self.seen = self.pairs + int(block.pair.sum()), self.seen + block.pair.size
        return False


def allotted(world: World, runs: int, horizon: int, seed: int, budget: float = 0.1) -> tuple[Outcome, float]:
    """Roll out with shadows as the product allots them; what came of it, and the fraction of traffic shadowed."""
    k = len(world.traffic)
    allotter = Allotter(runs, k, budget)
    out = roll_out(
        world,
        deltas=[DELTA] * k,
        horizon=horizon,
        runs=runs,
        seed=seed,
        allot=allotter.allot,
        watch=allotter.watch,
        block=HOLD_EVERY,
    )
    return out, allotter.pairs / allotter.seen


def bad_answers(result: Result) -> None:
    """A capability with 40% of traffic loses 10 points under 1 -> 5 -> 25 -> 50%."""
    runs, horizon = 60 if result.quick else 300, 60_000
    world = _common_drop(2_500)
    panel = Panel(runs, 7, {"GrowthBook CS": GrowthBook(runs, DELTA, ALPHA / 7)})
    failing = np.zeros(runs)

    def watch(block: Block) -> bool:
        going = panel.peers["GrowthBook CS"].stopped == 0
        hit = block.candidate & (block.k == 0) & (block.changed == 0.0)
        failing[going] += hit.sum(axis=0)[going]
        return panel(block)

    common = {"deltas": [DELTA] * 7, "horizon": horizon, "runs": runs, "seed": result.seed}
    without = roll_out(world, watch=watch, block=50, **common)
    evenly = roll_out(replace(world, shadow=0.1), block=50, **common)
    paired, _ = allotted(world, runs, horizon, result.seed)
    other = {
        f"{length:,}": allotted(_common_drop(length), runs, horizon, result.seed)[0].failing.mean()
        for length in (() if result.quick else (500, 1_000, 5_000))
    }
    value = float(paired.failing.mean())
    result.add(
        Figure(
            "bad_answers_with_pairs",
            value,
            "answers",
            value,
            float(failing.mean()),
            101,
            "lower",
            f"the candidate's answers in that capability that scored 0 until rollback, stages of 2,500 interactions, "
            f"10% shadow pairs of which 15% differ, allotted as the product does, {runs} runs; with stages of another "
            f"length: {describe(other) or 'only in the full run'}; drawn evenly {evenly.failing.mean():.0f}, without "
            f"pairs {without.failing.mean():.0f}; worse than base would have answered: {paired.bad.mean():.0f} with, "
            f"{without.bad.mean():.0f} without; theirs: GrowthBook CS, which has no pairs and does not keep its "
            "promise here (false_rollback_ten_drifting)",
        )
    )


def _common_drop(length: int) -> World:
    """Ten points lost in the capability that has 40% of the traffic; every stage but the last has `length`."""
    stages = ((0.01, length), (0.05, length), (0.25, length), (0.5, 0))
    return World((0.4, *(0.1,) * 6), (BASE,) * 7, (0.1, *(0.0,) * 6), stages, discordant=DISCORDANT)


def rare_capability(result: Result) -> None:
    """A capability with 2% of traffic loses 10 points; 10% of traffic may be shadowed."""
    if result.quick:
        result.miss("rare_capability_found", "takes 100,000 interactions a run; only in the full run")
        return
    runs, k, horizon = 150, 10, 100_000
    traffic = (0.02, *(0.98 / 9,) * 9)
    stages = ((0.01, 25_000), (0.05, 25_000), (0.25, 25_000), (0.5, 0))
    world = World(traffic, (BASE,) * k, (0.1, *(0.0,) * 9), stages, discordant=DISCORDANT)
    rooted = tuple(0.1 * np.sqrt(traffic) / np.sqrt(traffic).sum() / np.array(traffic))
    common = {"deltas": [DELTA] * k, "horizon": horizon, "runs": runs, "seed": result.seed, "block": 500}
    panel = Panel(runs, k, {"GrowthBook CS": GrowthBook(runs, DELTA, ALPHA / k)})
    out, spent = allotted(world, runs, horizon, result.seed)
    astray, independent = replace(world, mistagged=0.1), replace(world, discordant=None)
    found = {
        "without pairs": roll_out(world, watch=panel, **common).found,
        "uniform pairs": roll_out(replace(world, shadow=0.1), **common).found,
        "pairs by root of share": roll_out(replace(world, shadow=rooted), **common).found,
        "one prompt in ten taken for another": allotted(astray, runs, horizon, result.seed)[0].found,
        "answers independent": allotted(independent, runs, horizon, result.seed)[0].found,
    }
    drilled = _drill_rare(traffic, stages, 0.1, result.seed)
    result.add(
        Figure(
            "rare_capability_found",
            out.found,
            "fraction",
            out.found,
            panel.found()["GrowthBook CS"],
            0.9,
            "higher",
            f"within {horizon:,} interactions, {runs} runs, pairs of which 15% differ, allotted as the product does: "
            f"every {HOLD_EVERY} scores, traffic by routers' tags, a fifth drawn evenly; {spent:.1%} of traffic "
            f"shadowed; ours otherwise: {describe(found)}; through the product's own fold and decisions "
            f"(evaluator.watch.planning.drill, answers independent): {drilled.rolled_back} of {drilled.runs} runs; "
            "theirs: GrowthBook CS",
        )
    )


def _drill_rare(
    traffic: tuple[float, ...], stages: tuple[tuple[float, int], ...], budget: float, seed: int
) -> DrillCase:
    """The same world through `RolloutEvidence`, `decide` and its allotments, score by score."""
    names = ["rare", *(f"other-{n}" for n in range(1, len(traffic)))]
    nobody = ModelRef(name="bench", sha256="0" * 64)
    spec = RolloutSpec(
        rollout_id="bench",
        model_alias="bench",
        base=nobody,
        candidate=nobody,
        salt="bench",
        capabilities=tuple(
            CapabilityWatch(name=name, role="adjacent", threshold=DELTA, weight=1.0 / len(names))
            for name in names
        ),
        stages=tuple(Stage(share=share, min_units=units or 10**9) for share, units in stages),
        advance="schedule",
        alpha=ALPHA,
        shadow=budget,
        brief_sha256="0" * 64,
        audit=AuditRef(verdict="pass", sha256="0" * 64),
    )
    world = DrillTraffic(
        traffic=dict(zip(names, traffic, strict=True)), base=dict.fromkeys(names, BASE), visits=1.0
    )
    (case,) = run_drill(spec, world, plants=(Plant(0.1, "rare"),), runs=20, horizon=100_000, seed=seed).cases
    return case
