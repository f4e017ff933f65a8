"""How much of base a fine-tune keeps, and what of the target it costs: Belay's methods beside tuned plain LoRA.

    python bench/retention.py            # the full run; bench/README.md says how long it takes
    python bench/retention.py --all-seeds  # three seeds of every method, not only of those that a goal names
    python bench/retention.py --quick    # one seed, fewer items, fewer steps
    python bench/retention.py --json     # one JSON object on standard output

SmolLM2-135M-Instruct learns to name the intents of customers' messages (`_retention.data` says on what, and what is
measured beside it). Theirs is tuned LoRA: its learning rate and steps are swept on the target's tuning items first.
Every training is the product's own pipeline; costs are measured step by step, one way and the other in turn.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from _retention import costs
from _retention.data import missing
from _retention.plot import plot
from _retention.runs import CACHE, Lab, Size, Tuned
from _retention.suite import Scores
from _retention.table import TARGET, Table, at_equal_target
from _shape import Figure, Result, arguments, finish, say

from trainer.config import RehearsalSettings

FULL = Size(tuning=32, testing=64, learnt=1200, steps=60, seeds=(7, 8, 9), shorter=(6, 2))
QUICK = Size(tuning=8, testing=8, learnt=400, steps=16, seeds=(7,), shorter=(), prompts=12)
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
JUDGED = ("ewc", "best")  # what goals name, beside tuned LoRA: trained with every seed


def retained(
    result: Result, lab: Lab, tuned: Tuned, names: Sequence[str], *, all_seeds: bool = False
) -> None:
    """Train everything, and say what of base is left."""
    table = Table(lab, lab.scores_of_base())
    seeds = lab.size.seeds
    for steps in (tuned.steps // by for by in lab.size.shorter):
        name = f"lora_{steps}"
        run = lab.settings(name, Tuned(tuned.learning_rate, steps), seeds[0])
        table.add(name, [lab.scores(run)])
    table.add("lora", [lab.scores(lab.settings("lora", tuned, seed)) for seed in seeds])
    for name in names:
        often = all_seeds or name in JUDGED
        table.add(name, [_scores(lab, name, tuned, seed) for seed in (seeds if often else seeds[:1])])
    for line in table.lines():
        say(line)
    plot(table, CACHE / "retention.png", ("lora", *names))
    (CACHE / "retention.json").write_text(json.dumps(table.rows, indent=2), encoding="utf-8")
    _judge(result, table, f"{lab.size.testing} items a capability")
    name = "ewc_retention_gain_at_equal_target"
    if "ewc" not in names:
        result.miss(name, "measured by the full run only, which has LoRA after several numbers of steps")
    else:
        kept, plain, curve = at_equal_target(table, "ewc")
        note = f"target gain {table.gain('ewc'):.2f}; LoRA (gain, kept): {curve}"
        result.add(Figure(name, kept - plain, "fraction", kept, plain, 0.0, "higher", note))


def _judge(result: Result, table: Table, size: str) -> None:
    told = "; ".join(
        f"{m} ({table.seeds[m]}): target {row[TARGET]:.2f}, kept {table.retention(m):.3f}, over {len(table.over(m))}"
        for m, row in table.rows.items()
    )
    gains, losses = [
        [f(m) for m in ("best", "lora")] for f in (table.gain, lambda m: 1.0 - table.retention(m))
    ]
    note = f"{size}; seeds in brackets. {told}"
    result.add(Figure("target_gain_kept", gains[0] / gains[1], "ratio", *gains, 0.98, "higher", note))
    note = "a gain makes up for no loss; by capability " + ", ".join(
        f"{name} {loss:+.3f}" for name, loss in table.losses("best").items()
    )
    result.add(Figure("adjacent_loss_mean", losses[0], "fraction", *losses, 0.03, "lower", note))
    over = [table.over(m) for m in ("best", "lora")]
    note = f"over: {', '.join(over[0]) or 'none'}; tuned LoRA: {', '.join(over[1]) or 'none'}"
    counts = [float(len(names)) for names in over]
    name = "capabilities_over_threshold"
    result.add(Figure(name, counts[0], "count", *counts, 0.0, "lower", note))


def _scores(lab: Lab, name: str, tuned: Tuned, seed: int) -> Scores:
    changed = lab.variants(tuned.steps)[name]
    if changed.keys() == {"merge"}:
        return lab.scores_merged(name, lab.settings("lora", tuned, seed), changed["merge"])
    return lab.scores(lab.settings(name, tuned, seed, **changed))


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all-seeds", action="store_true", help="three seeds of every method")


def main() -> None:
    """Run the benchmark."""
    options = arguments(__doc__ or "", more=_options)
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
    names = ("best",) if options.quick else tuple(lab.variants(tuned.steps))
    retained(result, lab, tuned, names, all_seeds=options.all_seeds)
    rounds, rows = (1, 4) if options.quick else (3, 8)
    replayed = RehearsalSettings(share=0.5)
    costs.measure(
        result, lab.settings("costs", tuned, options.seed, rehearsal=replayed, batch_size=rows), rounds
    )
    finish(result, as_json=options.json)


if __name__ == "__main__":
    main()
