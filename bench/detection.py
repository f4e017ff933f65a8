"""How fast and how truly the gate finds a drop, beside the limit of mathematics and beside the peers' rules.

    python bench/detection.py            # the full run, half an hour on one core
    python bench/detection.py --quick    # under a minute
    python bench/detection.py --json     # one JSON object on standard output

Ours and the peers see the same seeded streams. Limits are Wald's (`evaluator.limits`) for base .8, threshold 2
points, alpha 1%. The simulator equals the product score by score (tests/evaluator/test_simulate.py); the cost of
an update is measured on the product itself.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from math import log, sqrt

import numpy as np
from _peers import FailureLimit, GrowthBook, Kayenta, MixtureSprt, OBrienFleming, Panel, Peer, describe
from _shape import Figure, Result, arguments, finish, say
from scipy.stats import norm

from evaluator.allocation import Need, allocate
from evaluator.limits import pair_information, promotion_information, unpaired_information
from evaluator.sequential import BroadPool, DropProcess, History, combine
from evaluator.simulate import Block, Fleet, PromotionFleet, World, draw, roll_out

BASE, DELTA, ALPHA, DISCORDANT = 0.8, 0.02, 0.01, 0.15
TEN = (0.1,) * 10
NATS = log(1.0 / ALPHA)


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
        return panel(_first(block, seen))

    out = roll_out(world, deltas=[DELTA] * 10, horizon=horizon, runs=runs, seed=result.seed, watch=watch)
    found = panel.found()
    result.add(
        Figure(
            "false_rollback_ten_drifting",
            out.found,
            "fraction",
            out.found,
            found["GrowthBook CS"],
            ALPHA,
            "lower",
            f"{runs} runs of {horizon:,} interactions, allowed {ALPHA:.0%} over all ten together; peers on the first "
            f"{seen} runs, at alpha/10 a capability where they have an alpha: {describe(found)}",
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
        ours[f"{drop * 100:.0f} points at {pi:.0%}"] = _ratio(out.stopped, limit, horizon)
        for name, value in panel.ratios(limit, horizon).items():
            theirs.setdefault(name, []).append(value)
        say(f"  {pi:.0%} {drop}: {ours[f'{drop * 100:.0f} points at {pi:.0%}']:.3f}")
    for drop in paired:
        limit = NATS / pair_information(drop, DISCORDANT, DELTA)
        world = World((1.0,), (BASE,), (drop,), shadow=1.0, discordant=DISCORDANT)
        out = roll_out(world, deltas=[DELTA], horizon=int(limit * 8), runs=runs, seed=result.seed)
        ours[f"{drop * 100:.0f} points in pairs"] = _ratio(out.stopped, limit, limit * 8)
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
    """The limit is that of one capability at its own tenth of traffic, for both questions."""
    runs = 30 if result.quick else 200
    for name, bar in (("one_of_ten_vs_limit", 2.0), ("broad_drop_vs_limit", 0.65)):
        broad = name.startswith("broad")
        ours: dict[str, float] = {}
        theirs: dict[str, list[float]] = {}
        for drop in (0.10, 0.20) if result.quick else (0.05, 0.10, 0.20):
            limit = 10 * NATS / unpaired_information(BASE, drop, DELTA, 0.5)
            horizon = int(limit * (2 if broad else 4))
            drops = (drop,) * 10 if broad else (drop, *(0.0,) * 9)
            panel = Panel(
                runs,
                10,
                {
                    "GrowthBook CS": GrowthBook(runs, DELTA, ALPHA / 10),
                    "mSPRT": MixtureSprt(runs, DELTA, ALPHA / 10),
                },
            )
            out = roll_out(
                World(TEN, (BASE,) * 10, drops),
                deltas=[DELTA] * 10,
                horizon=horizon,
                runs=runs,
                seed=result.seed,
                watch=panel,
                block=max(5, int(limit / 200)),
            )
            ours[f"{drop * 100:.0f} points"] = _ratio(out.stopped, limit, horizon)
            for peer, value in panel.ratios(limit, horizon).items():
                theirs.setdefault(peer, []).append(value)
        means = {peer: float(np.mean(v)) for peer, v in theirs.items()}
        mean = float(np.mean(list(ours.values())))
        result.add(
            Figure(
                name,
                mean,
                "ratio",
                mean,
                means["GrowthBook CS"],
                bar,
                "lower",
                f"limit of one capability at its tenth of the traffic; {runs} runs each: {describe(ours)}; "
                f"peers at alpha/10 a capability: {describe(means)}",
            )
        )


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
        ours[f"{margin * 100:.0f} points at {pi:.0%}"] = _ratio(stopped, limit, horizon)
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


def bad_answers(result: Result) -> None:
    """A capability with 40% of traffic loses 10 points under 1 -> 5 -> 25 -> 50%."""
    runs = 30 if result.quick else 300
    stages = ((0.01, 2_500), (0.05, 2_500), (0.25, 2_500), (0.5, 0))
    world = World((0.4, *(0.1,) * 6), (BASE,) * 7, (0.1, *(0.0,) * 6), stages, discordant=DISCORDANT)
    panel = Panel(runs, 7, {"GrowthBook CS": GrowthBook(runs, DELTA, ALPHA / 7)})
    failing = np.zeros(runs)

    def watch(block: Block) -> bool:
        going = panel.peers["GrowthBook CS"].stopped == 0
        hit = block.candidate & (block.k == 0) & (block.changed == 0.0)
        failing[going] += hit.sum(axis=0)[going]
        return panel(block)

    common = {"deltas": [DELTA] * 7, "horizon": 60_000, "runs": runs, "seed": result.seed}
    without = roll_out(world, watch=watch, block=50, **common)
    paired = roll_out(replace(world, shadow=0.1), block=50, **common)
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
            f"10% shadow pairs of which 15% differ, {runs} runs; ours without pairs {without.failing.mean():.0f}; "
            f"worse than base would have answered: {paired.bad.mean():.0f} with, {without.bad.mean():.0f} without; "
            f"theirs: GrowthBook CS, which has no pairs",
        )
    )


def rare_capability(result: Result) -> None:
    """A capability with 2% of traffic loses 10 points; 10% of traffic may be shadowed."""
    if result.quick:
        result.miss("rare_capability_found", "takes 100,000 interactions a run; only in the full run")
        return
    runs, k = 150, 10
    traffic = np.array([0.02, *(0.98 / 9,) * 9])
    stages = ((0.01, 25_000), (0.05, 25_000), (0.25, 25_000), (0.5, 0))
    world = World(tuple(traffic), (BASE,) * k, (0.1, *(0.0,) * 9), stages, discordant=DISCORDANT)
    rooted = np.sqrt(traffic)

    def allot(fleet: Fleet) -> np.ndarray:
        e = fleet.e_values.reshape(-1, k)
        v = (fleet.past.pair_squares / fleet.past.pairs).reshape(-1, k)
        return np.array(
            [
                allocate([Need(traffic[j], 0.1, e[r, j], v[r, j]) for j in range(k)], 0.1, ALPHA)
                for r in range(len(e))
            ]
        )

    common = {"deltas": [DELTA] * k, "horizon": 100_000, "runs": runs, "seed": result.seed, "block": 500}
    panel = Panel(runs, k, {"GrowthBook CS": GrowthBook(runs, DELTA, ALPHA / k)})
    found = {
        "without pairs": roll_out(world, watch=panel, **common).found,
        "uniform pairs": roll_out(replace(world, shadow=0.1), **common).found,
        "pairs by root of share": roll_out(
            replace(world, shadow=tuple(0.1 * rooted / rooted.sum() / traffic)), **common
        ).found,
        "adaptive, answers independent": roll_out(
            replace(world, discordant=None), allot=allot, **common
        ).found,
    }
    value = roll_out(world, allot=allot, **common).found
    result.add(
        Figure(
            "rare_capability_found",
            value,
            "fraction",
            value,
            panel.found()["GrowthBook CS"],
            0.9,
            "higher",
            f"within 100,000 interactions, {runs} runs, adaptive pairs of which 15% differ; ours otherwise: "
            f"{describe(found)}; theirs: GrowthBook CS",
        )
    )


def update_cost(result: Result) -> None:
    """CPU of one update on the product: one process, its past, the pool and M over ten capabilities."""
    early, late = _cost(1_000), _cost(60_000 if result.quick else 300_000)
    value = max(early, late)
    result.add(
        Figure(
            "update_us",
            value,
            "us",
            value,
            _growthbook_cost(),
            10.0,
            "lower",
            f"CPU time, best of 30 times 1,000; after 1,000 updates {early:.2f}, after many {late:.2f}; theirs: "
            "GrowthBook's interval from running sums in plain Python, one capability",
        )
    )


def _cost(before: int) -> float:
    rng = random.Random(1)
    process, past, pool = DropProcess(DELTA), History(), BroadPool()
    others, weights = [1.0] * 9, [0.1] * 10

    def updates(n: int) -> float:
        scores = [(rng.random() < 0.5, float(rng.random() < 0.8)) for _ in range(n)]
        begin = time.process_time()
        for candidate, y in scores:
            pool.multiply(process.unpaired(past, 0.5, candidate, y))
            past.add(candidate, y)
            combine(weights, [process.e_value, *others], pool.e_value)
        return (time.process_time() - begin) / n * 1e6

    updates(before)
    return min(updates(1_000) for _ in range(30))


def _growthbook_cost() -> float:
    rho2 = (-2 * log(ALPHA) + log(-2 * log(ALPHA) + 1)) / 5_000
    n, s = [100, 100], [80.0, 80.0]
    rng = random.Random(1)
    scores = [(rng.random() < 0.5, float(rng.random() < 0.8)) for _ in range(20_000)]
    begin, stops = time.process_time(), 0
    for candidate, y in scores:
        n[candidate] += 1
        s[candidate] += y
        mean = [s[0] / n[0], s[1] / n[1]]
        variance = mean[0] * (1 - mean[0]) / (n[0] - 1) + mean[1] * (1 - mean[1]) / (n[1] - 1)
        tr = (n[0] + n[1]) * rho2
        stops += mean[0] - mean[1] - DELTA > sqrt(variance * 2 * (tr + 1) / tr * log(sqrt(tr + 1) / ALPHA))
    return (time.process_time() - begin) / len(scores) * 1e6


def _first(block: Block, runs: int) -> Block:
    """The first runs of a block."""
    cut = {
        name: getattr(block, name)[:, :runs]
        for name in ("k", "candidate", "pair", "lot", "fresh", "control", "changed")
    }
    return replace(block, **cut)


def _ratio(stopped: np.ndarray, limit: float, horizon: float) -> float:
    """Mean interactions over the limit; a run that was never stopped counts with the whole horizon."""
    return float(np.where(stopped > 0, stopped, horizon).mean() / limit)


def main() -> None:
    options = arguments(__doc__ or "")
    result = Result("detection", options.quick, options.seed)
    measures = [update_cost, promotion, bad_answers, one_of_ten_and_broad, one_capability, false_rollbacks]
    for measure in [*measures, rare_capability]:
        begin = time.monotonic()
        measure(result)
        say(f"  ({measure.__name__}: {time.monotonic() - begin:.0f} s)")
    finish(result, as_json=options.json)


if __name__ == "__main__":
    main()
