"""How much of base a fine-tune keeps, and what of the target it costs: Belay's methods beside tuned plain LoRA.

    python bench/retention.py            # the full run: three seeds, within two hours on two cores
    python bench/retention.py --quick    # one seed, fewer items: under ten minutes
    python bench/retention.py --json     # one JSON object on standard output

SmolLM2-135M-Instruct learns to name the intents of customers' messages (`_retention_data` says on what, and what is
measured beside it). Theirs is tuned LoRA: its learning rate and steps are swept on the target's tuning items first.
Every training is the product's own pipeline; costs are measured step by step, one way and the other in turn.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from statistics import mean

import _retention_costs as costs
from _retention_data import missing
from _retention_plot import plot
from _retention_runs import CACHE, Lab, Size, Tuned, variants
from _retention_suite import Scores
from _shape import Figure, Result, arguments, finish, say

from trainer.config import RehearsalSettings

FULL = Size(tuning=32, testing=32, learnt=1200, steps=60, seeds=(7, 8, 9))
QUICK = Size(tuning=8, testing=12, learnt=400, steps=16, seeds=(7,))
RATES, STEPS = (5e-4, 1e-3, 2e-3), (20, 40, 60)
FIGURES = (
    "target_gain_kept",
    "adjacent_loss_mean",
    "capabilities_over_threshold",
    "ewc_step_ratio",
    "ewc_memory_ratio",
    "ewc_retention_gain_at_equal_target",
    "sparse_sam_step_ratio",
    "watching_overhead",
)
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

    def add(self, method: str, runs: Sequence[Scores]) -> None:
        """Keep a method's mean score of each capability over all seeds."""
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
        head = f"{'method':<14}{'target':>8}{'kept':>8}{'over':>6}  " + " ".join(
            f"{n[:9]:>9}" for n in self._base
        )
        found = [head, f"{'base':<37}" + " ".join(f"{v:>9.2f}" for v in self._base.values())]
        for method, row in self.rows.items():
            scores = " ".join(f"{row[name]:>9.2f}" for name in self._base)
            kept, over = self.retention(method), len(self.over(method))
            found.append(f"{method:<14}{row[TARGET]:>8.3f}{kept:>8.3f}{over:>6}  {scores}")
        return found


def retained(result: Result, lab: Lab, tuned: Tuned, names: Sequence[str]) -> None:
    """Train everything, and say what of base is left."""
    table = Table(lab, lab.scores_of_base())
    seeds = lab.size.seeds
    for steps in (tuned.steps // 2, tuned.steps):
        run = Tuned(tuned.learning_rate, steps)
        name = "lora" if steps == tuned.steps else f"lora_{steps}"
        table.add(name, [lab.scores(lab.settings(name, run, seed)) for seed in seeds])
    for name in names:
        table.add(name, [_scores(lab, name, tuned, seed) for seed in seeds])
    for line in table.lines():
        say(line)
    plot(table, CACHE / "retention.png", ("lora", *names))
    (CACHE / "retention.json").write_text(json.dumps(table.rows, indent=2), encoding="utf-8")
    told = "; ".join(
        f"{m}: target {table.rows[m][TARGET]:.2f}, kept {table.retention(m):.3f}, over {len(table.over(m))}"
        for m in table.rows
    )
    runs = f"{len(seeds)} seeds, {lab.size.testing} items a capability. {told}"
    kept = table.gain("best") / table.gain("lora")
    loss = 1.0 - table.retention("best")
    result.add(
        Figure(
            "target_gain_kept", kept, "ratio", table.gain("best"), table.gain("lora"), 0.98, "higher", runs
        )
    )
    note = f"a gain makes up for no loss; by capability {_signed(table.losses('best'))}"
    theirs = 1.0 - table.retention("lora")
    result.add(Figure("adjacent_loss_mean", loss, "fraction", loss, theirs, 0.03, "lower", note))
    over, plain = table.over("best"), table.over("lora")
    note = f"over: {', '.join(over) or 'none'}; tuned LoRA: {', '.join(plain) or 'none'}"
    count = float(len(over))
    result.add(
        Figure("capabilities_over_threshold", count, "count", count, float(len(plain)), 0.0, "lower", note)
    )
    if "ewc" in names:
        _equal_target(result, table)


def _scores(lab: Lab, name: str, tuned: Tuned, seed: int) -> Scores:
    changed = variants()[name]
    if changed.keys() == {"merge"}:
        return lab.scores_merged(name, lab.settings("lora", tuned, seed), changed["merge"])
    return lab.scores(lab.settings(name, tuned, seed, **changed))


def _equal_target(result: Result, table: Table) -> None:
    """EWC's retention less LoRA's where both have learnt as much: LoRA's is interpolated over its steps."""
    curve = sorted((table.gain(m), table.retention(m)) for m in table.rows if m.startswith("lora"))
    curve.insert(0, (0.0, 1.0))
    gained, kept = table.gain("ewc"), table.retention("ewc")
    plain = _interpolated(curve, gained)
    note = (
        f"target gain {gained:.2f}; LoRA (gain, kept): {', '.join(f'({g:.2f}, {k:.3f})' for g, k in curve)}"
    )
    result.add(
        Figure(
            "ewc_retention_gain_at_equal_target", kept - plain, "fraction", kept, plain, 0.0, "higher", note
        )
    )


def _interpolated(curve: Sequence[tuple[float, float]], at: float) -> float:
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x0 <= at <= x1:
            return y0 + (y1 - y0) * ((at - x0) / (x1 - x0) if x1 > x0 else 1.0)
    return curve[-1][1]


def _signed(losses: dict[str, float]) -> str:
    return ", ".join(f"{name} {loss:+.3f}" for name, loss in losses.items())


def main() -> None:
    """Run the benchmark."""
    options = arguments(__doc__ or "")
    result = Result("retention", options.quick, options.seed)
    why = missing()
    if why:
        for name in FIGURES:
            result.miss(name, why)
        finish(result, as_json=options.json)
        return
    lab = Lab(QUICK if options.quick else FULL)
    tuned = Tuned(1e-3, QUICK.steps) if options.quick else lab.sweep(RATES, STEPS)
    say(f"tuned LoRA: learning rate {tuned.learning_rate:g}, {tuned.steps} steps")
    retained(result, lab, tuned, ("ewc", "best") if options.quick else tuple(variants()))
    costed = lab.settings("costs", tuned, options.seed, rehearsal=RehearsalSettings(share=0.5))
    costs.measure(result, costed, rounds=3 if options.quick else 9)
    finish(result, as_json=options.json)


if __name__ == "__main__":
    main()
