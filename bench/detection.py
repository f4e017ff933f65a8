"""How fast and how truly the watch finds a drop, beside the limit of mathematics and beside the peers' rules.

    python bench/detection.py            # the full run, half an hour on one core
    python bench/detection.py --quick    # under a minute
    python bench/detection.py --json     # one JSON object on standard output

Ours and the peers see the same seeded streams. Limits are Wald's (`evaluator.watch.planning.limits`) for base .8,
threshold 2 points, alpha 1%. The simulator equals the product score by score
(tests/evaluator/watch/planning/test_simulate.py); the cost of an update is measured on the product itself.
"""

from __future__ import annotations

import time
from dataclasses import replace
from math import log

import numpy as np
from _detection.judge_drift import judge_drift
from _detection.peers import (
    FailureLimit,
    GrowthBook,
    Kayenta,
    MixtureSprt,
    OBrienFleming,
    Panel,
    Peer,
    describe,
)
from _detection.shadows import allotted, bad_answers, rare_capability
from _detection.update_cost import update_cost
from _detection.whose import whose_drop
from _detection.world import ALPHA, BASE, DELTA, DISCORDANT, NATS, TEN, first, ratio
from _shape import Figure, Result, arguments, finish, say
from scipy.stats import norm

from evaluator.watch.planning.fleet import PromotionFleet
from evaluator.watch.planning.limits import pair_information, promotion_information, unpaired_information
from evaluator.watch.planning.simulate import Block, World, draw, roll_out


def false_rollbacks(result: Result) -> None:
    """Ten capabilities at the boundary, 1 -> 5 -> 25 -> 50%, the base rate sliding by 6 points."""
    runs, horizon, seen = (100, 12_000, 60) if result.quick else (3_000, 100_000, 200)
    quarter = horizon // 4
    stages = ((0.01, quarter), (0.05, quarter), (0.25, quarter), (0.5, 0))
    world = World(TEN, (BASE,) * 10, (DELTA,) * 10, stages, drift=lambda at: -0.06 * at)
    peers: dict[str, Peer] = {
        "GrowthBook CS": GrowthBook(seen, DELTA, ALPHA / 10),
        "mSPRT": MixtureSprt(seen, DELTA, ALPHA / 10),
        "O'Brien-Fleming": OBrienFleming(seen, DELTA, ALPHA / 10, horizon / 10),
        "Kayenta": Kayenta(seen),
        "Flagger (5)": FailureLimit(seen, DELTA, 5),
        "Argo (3)": FailureLimit(seen, DELTA, 3),
    }
    panel = Panel(seen, 10, peers)

    def watch(block: Block) -> bool:
        return panel(first(block, seen))

    out = roll_out(world, deltas=[DELTA] * 10, horizon=horizon, runs=runs, seed=result.seed, watch=watch)
    found = panel.found()
    paired = 50 if result.quick else 600
    with_pairs, _ = allotted(replace(world, discordant=DISCORDANT), paired, horizon, result.seed + 1)
    result.add(
        Figure(
            "false_rollback_ten_drifting",
            out.found,
            "fraction",
            out.found,
            found["GrowthBook CS"],
            ALPHA,
            "lower",
            f"{runs} runs of {horizon:,} interactions, allowed {ALPHA:.0%} over all ten together; with 10% shadow "
            f"pairs, allotted: {with_pairs.found:.3g} of {paired} runs; peers on the first {seen} runs, at alpha/10 a "
            f"capability where they have an alpha: {describe(found)}",
        )
    )


def one_capability(result: Result) -> None:
    """Mean samples over the limit, over drops, shares and pairs; theirs on the unpaired streams."""
    runs = 40 if result.quick else 600
    unpaired = [(0.5, 0.10), (0.5, 0.20), (0.05, 0.10), (0.05, 0.20)]
    paired = [0.05, 0.10]
    if not result.quick:
        unpaired += [(0.5, 0.03), (0.5, 0.05), (0.05, 0.05)]
        paired += [0.03]
    ours: dict[str, float] = {}
    theirs: dict[str, list[float]] = {}
    for pi, drop in unpaired:
        limit = NATS / unpaired_information(BASE, drop, DELTA, pi)
        horizon = int(limit * (6 if limit > 2_000 else 30))
        planned = (norm.ppf(1 - ALPHA) + norm.ppf(0.8)) ** 2 * 2 * (0.16 + 0.177) / 0.01**2
        panel = Panel(
            runs,
            1,
            {
                "GrowthBook CS": GrowthBook(runs, DELTA, ALPHA),
                "mSPRT": MixtureSprt(runs, DELTA, ALPHA),
                "O'Brien-Fleming (planned for 3 points)": OBrienFleming(runs, DELTA, ALPHA, planned),
            },
        )
        world = World((1.0,), (BASE,), (drop,), ((pi, 0),))
        block = max(2, int(limit / 100))
        out = roll_out(
            world, deltas=[DELTA], horizon=horizon, runs=runs, seed=result.seed, watch=panel, block=block
        )
        ours[f"{drop * 100:.0f} points at {pi:.0%}"] = ratio(out.stopped, limit, horizon)
        for name, value in panel.ratios(limit, horizon).items():
            theirs.setdefault(name, []).append(value)
        say(f"  {pi:.0%} {drop}: {ours[f'{drop * 100:.0f} points at {pi:.0%}']:.3f}")
    for drop in paired:
        limit = NATS / pair_information(drop, DISCORDANT, DELTA)
        world = World((1.0,), (BASE,), (drop,), shadow=1.0, discordant=DISCORDANT)
        out = roll_out(world, deltas=[DELTA], horizon=int(limit * 8), runs=runs, seed=result.seed)
        ours[f"{drop * 100:.0f} points in pairs"] = ratio(out.stopped, limit, limit * 8)
    mean = float(np.mean(list(ours.values())))
    worst = max(ours, key=lambda name: ours[name])
    means = {name: float(np.mean(v)) for name, v in theirs.items()}
    maxima = {name: max(v) for name, v in theirs.items()}
    note = f"{runs} runs each: {describe(ours)}"
    result.add(
        Figure(
            "one_capability_mean_vs_limit",
            mean,
            "ratio",
            mean,
            means["GrowthBook CS"],
            1.3,
            "lower",
            f"{note}; peers (unpaired only, cut at the horizon): {describe(means)}",
        )
    )
    result.add(
        Figure(
            "one_capability_worst_vs_limit",
            ours[worst],
            "ratio",
            ours[worst],
            maxima["GrowthBook CS"],
            1.5,
            "lower",
            f"worst: {worst}; peers' worst (cut at the horizon): {describe(maxima)}",
        )
    )


def one_of_ten_and_broad(result: Result) -> None:
    """One unknown capability of ten, then all ten; the limit is that of one capability at its tenth of traffic."""
    runs = 30 if result.quick else 200
    drops = (0.10, 0.20) if result.quick else (0.05, 0.10, 0.20)
    ours, theirs = _of_ten(drops, runs, result.seed, broad=False)
    mean = float(np.mean(list(ours.values())))
    result.add(
        Figure(
            "one_of_ten_vs_limit",
            mean,
            "ratio",
            mean,
            theirs["GrowthBook CS"],
            2.0,
            "lower",
            f"limit of one capability at its tenth of the traffic; {runs} runs each: {describe(ours)}; "
            f"peers at alpha/10 a capability: {describe(theirs)}",
        )
    )
    ours, theirs = _of_ten((0.05,), runs, result.seed, broad=True)
    larger, _ = _of_ten((0.10, 0.20), runs, result.seed, broad=True)
    unpooled, _ = _of_ten((0.05,), runs, result.seed, broad=True, pooled=False)
    (value,) = ours.values()
    result.add(
        Figure(
            "broad_drop_vs_limit",
            value,
            "ratio",
            value,
            theirs["GrowthBook CS"],
            0.65,
            "lower",
            f"5 points in all ten; the same limit as for one of ten, so that no valid test can come below .1, as ten "
            f"times the traffic tells of the drop: {value * 10:.2f} times the limit of a test that knew of it; {runs} "
            f"runs; without the broad pool {describe(unpooled)}; larger drops: {describe(larger)}; peers at alpha/10 "
            f"a capability, the first of ten to fire: {describe(theirs)}",
        )
    )


def _of_ten(
    drops: tuple[float, ...], runs: int, seed: int, *, broad: bool, pooled: bool = True
) -> tuple[dict[str, float], dict[str, float]]:
    """Ours for each drop, and each peer's mean over the drops, in limits of one capability."""
    ours: dict[str, float] = {}
    theirs: dict[str, list[float]] = {}
    for drop in drops:
        limit = 10 * NATS / unpaired_information(BASE, drop, DELTA, 0.5)
        horizon = int(limit * (2 if broad else 4))
        panel = Panel(
            runs,
            10,
            {
                "GrowthBook CS": GrowthBook(runs, DELTA, ALPHA / 10),
                "mSPRT": MixtureSprt(runs, DELTA, ALPHA / 10),
            },
        )
        out = roll_out(
            World(TEN, (BASE,) * 10, (drop,) * 10 if broad else (drop, *(0.0,) * 9)),
            deltas=[DELTA] * 10,
            pooled=[pooled] * 10,
            horizon=horizon,
            runs=runs,
            seed=seed,
            watch=panel if pooled else None,
            block=max(5, int(limit / 200)),
        )
        ours[f"{drop * 100:.0f} points"] = ratio(out.stopped, limit, horizon)
        for peer, value in panel.ratios(limit, horizon).items():
            theirs.setdefault(peer, []).append(value)
    return ours, {peer: float(np.mean(v)) for peer, v in theirs.items()}


def promotion(result: Result) -> None:
    """An equal candidate, alpha 5%; the limit is Wald's for the margin."""
    runs, alpha = (250 if result.quick else 400), 0.05
    ours: dict[str, float] = {}
    theirs: list[float] = []
    cases = [(0.5, 0.15), (0.5, 0.08), (0.05, 0.15)]
    if not result.quick:
        cases += [(0.5, 0.05), (0.05, 0.08), (0.05, 0.05)]
    for pi, margin in cases:
        limit = log(1.0 / alpha) / promotion_information(BASE, margin, pi)
        horizon = int(limit * 6)
        panel = Panel(runs, 1, {"GrowthBook CS": GrowthBook(runs, margin, alpha, sign=-1)})
        stopped = _promotions(pi, margin, alpha, horizon, runs, result.seed, panel, max(1, int(limit / 100)))
        ours[f"{margin * 100:.0f} points at {pi:.0%}"] = ratio(stopped, limit, horizon)
        theirs.append(panel.ratios(limit, horizon)["GrowthBook CS"])
    mean = float(np.mean(list(ours.values())))
    result.add(
        Figure(
            "promotion_vs_limit",
            mean,
            "ratio",
            mean,
            float(np.mean(theirs)),
            1.2,
            "lower",
            f"alpha {alpha:.0%}, equal candidate, {runs} runs each: {describe(ours)}; theirs: GrowthBook CS",
        )
    )


def _promotions(
    pi: float, margin: float, alpha: float, horizon: int, runs: int, seed: int, panel: Panel, block: int
) -> np.ndarray:
    rng, fleet = np.random.default_rng(seed), PromotionFleet(runs, margin)
    world = World((1.0,), (BASE,), (0.0,), ((pi, 0),))
    stopped, active = np.zeros(runs), np.arange(runs)
    for start in range(0, horizon, block):
        part = draw(world, runs, start, min(block, horizon - start), horizon, rng)
        wanted = panel(part)
        for row in range(len(part.share)):
            candidate = part.candidate[row][active]
            y = np.where(candidate, part.changed[row][active], part.control[row][active])
            fleet.unpaired(active, np.full(len(active), pi), candidate, y)
            over = fleet.e_values(active) >= 1.0 / alpha
            stopped[active[over]] = start + row + 1
            active = active[~over]
            if not len(active):
                break
        if not len(active) and not wanted:
            break
    return stopped


def main() -> None:
    options = arguments(__doc__ or "")
    result = Result("detection", options.quick, options.seed)
    measures = [update_cost, promotion, bad_answers, one_of_ten_and_broad, one_capability, false_rollbacks]
    for measure in [*measures, rare_capability, whose_drop, judge_drift]:
        begin = time.monotonic()
        measure(result)
        say(f"  ({measure.__name__}: {time.monotonic() - begin:.0f} s)")
    finish(result, as_json=options.json)


if __name__ == "__main__":
    main()
