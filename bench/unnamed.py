"""What a fine-tune takes that nobody named: abilities without any rehearsal prompt, beside tuned plain LoRA.

    python bench/unnamed.py            # the full run; bench/README.md says how long it takes
    python bench/unnamed.py --only lora both   # these recipes alone, one seed, no figures: to try something out
    python bench/unnamed.py --quick    # one seed, fewer items, fewer steps
    python bench/unnamed.py --json     # one JSON object on standard output

The model, the trainings and the named capabilities are those of bench/retention.py; `_unnamed.abilities` says what is
asked beside them. A result is kept under the hash of all that it depends on, so an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from statistics import mean

from _retention.data import TRAFFIC, missing
from _retention.runs import CACHE, Lab, Size, Tuned
from _retention.suite import Scores
from _retention.table import Table
from _retention.targets import INTENTS, TOPICS, Target
from _shape import Figure, Result, arguments, finish, say
from _unnamed.abilities import Ability, abilities, open_requests
from _unnamed.recipes import NOTHING_NAMED, recipes

FULL = Size(tuning=32, testing=24, learnt=1200, steps=60, seeds=(7, 8, 9), shorter=())
QUICK = Size(tuning=8, testing=8, learnt=400, steps=8, seeds=(7,), shorter=(), prompts=12)
EACH, EACH_QUICK = 24, 6
BEST = "both"
RATE = 1e-3  # as bench/retention.py's sweep took it, and 60 steps
WATCHED_FROM = 0.1
"""An ability that base has by less than this above chance is not counted: there is nothing to lose."""
FIGURES = (
    "unnamed_loss_mean",
    "unnamed_divergence_vs_lora",
    "target_gain_kept",
    "adjacent_loss_mean",
    "best_without_named_prompts_loss",
    "second_target_gain_kept",
    "second_target_adjacent_loss",
    "second_target_unnamed_loss",
)


@dataclass
class Bench:
    """One target: its lab, what base can do, and what every recipe's models scored."""

    lab: Lab
    asked: tuple[Ability, ...]
    tuned: Tuned
    base: Scores = field(default_factory=dict)
    runs: dict[str, list[Scores]] = field(default_factory=dict)

    @classmethod
    def of(cls, target: Target, size: Size, each: int) -> Bench:
        """Base, asked everything; `each` questions an ability."""
        from _unnamed.asking import Asker  # noqa: PLC0415 - torch, which the help text needs not

        asked = abilities(each, CACHE / "unnamed")
        asker: list[Asker] = []

        def more(model: object) -> Scores:
            if not asker:
                asker.append(Asker(lab.base, lab.tokenizer, asked, open_requests(each)))
            return asker[0].scores(model)

        lab = Lab(size, target, more, f"unnamed 1, {each} each")
        made = cls(lab, asked, Tuned(RATE, size.steps))
        made.base = lab.scores_of_base()
        return made

    def run(self, name: str, seeds: tuple[int, ...]) -> None:
        """Train and ask, once a seed."""
        changed = {} if name == "lora" else recipes(self.tuned.steps, self.lab.folder / TRAFFIC)[name]
        label = f"unnamed-{self.lab.target.name}-{name}".replace("_", "-")
        self.runs[name] = [
            self.lab.scores(self.lab.settings(label, self.tuned, seed, **changed)) for seed in seeds
        ]

    def losses(self, name: str) -> dict[str, float]:
        """(base - model) / base of every ability that base has, averaged over seeds first."""
        found = {}
        for ability in self.asked:
            before = mean(self.base[ability.name])
            if before - ability.chance >= WATCHED_FROM:
                after = mean(mean(run[ability.name]) for run in self.runs[name])
                found[ability.name] = (before - after) / before
        return found

    def loss(self, name: str) -> float:
        """The mean of the losses, where a gain in one makes up for no loss in another."""
        return mean(max(0.0, one) for one in self.losses(name).values())

    def over_all(self, name: str, kind: str) -> float:
        """The mean over sources of what `_unnamed.asking` measures under `kind`."""
        return mean(
            mean(values)
            for run in self.runs[name]
            for key, values in run.items()
            if key.startswith(f"{kind}/")
        )

    @property
    def table(self) -> Table:
        """The target and the named capabilities, as bench/retention.py has them."""
        unnamed = {ability.name for ability in self.asked}
        made = Table(self.lab, _named(self.base, unnamed))
        for name, runs in self.runs.items():
            made.add(name, [_named(run, unnamed) for run in runs])
        return made

    def lines(self) -> list[str]:
        """The table for people."""
        table, names = self.table, [ability.name for ability in self.asked]
        head = f"{'recipe':<15}{'seeds':>6}{'target':>8}{'named':>7}{'lost':>7}{'KL':>7}{'nats':>7}  "
        found = [head + " ".join(f"{name.removeprefix('reworded_')[:8]:>8}" for name in names)]
        found.append(f"{'base':<57}" + " ".join(f"{mean(self.base[name]):>8.2f}" for name in names))
        for recipe, runs in self.runs.items():
            row = f"{recipe:<15}{len(runs):>6}{table.rows[recipe]['intent']:>8.3f}{1 - table.retention(recipe):>7.3f}"
            row += f"{self.loss(recipe):>7.3f}{self.over_all(recipe, 'kl'):>7.3f}{self.over_all(recipe, 'nats'):>7.2f}"
            scores = [mean(mean(run[name]) for run in runs) for name in names]
            found.append(row + "  " + " ".join(f"{score:>8.2f}" for score in scores))
        return found


def _named(scores: Scores, unnamed: set[str]) -> Scores:
    return {name: values for name, values in scores.items() if name not in unnamed and "/" not in name}


def judged(result: Result, bench: Bench) -> None:
    """What goals name, of the first target."""
    told, table = "; ".join(bench.lines()[1:]), bench.table
    ours, theirs = bench.loss(BEST), bench.loss("lora")
    by = ", ".join(f"{name} {loss:+.3f}" for name, loss in bench.losses(BEST).items())
    result.add(Figure("unnamed_loss_mean", ours, "fraction", ours, theirs, 0.05, "lower", f"{by}. {told}"))
    ours, theirs = bench.over_all(BEST, "kl"), bench.over_all("lora", "kl")
    note = f"nats a token of base's own answers; right answers less likely by {bench.over_all(BEST, 'nats'):.3f} nats"
    result.add(Figure("unnamed_divergence_vs_lora", ours / theirs, "ratio", ours, theirs, 0.2, "lower", note))
    _target(result, table, "target_gain_kept", "adjacent_loss_mean")
    name, found = min(
        ((name, bench.loss(name)) for name in NOTHING_NAMED if name in bench.runs), key=lambda pair: pair[1]
    )
    note = f"{name}, target {table.rows[name]['intent']:.2f}, named kept {table.retention(name):.3f}"
    result.add(
        Figure(
            "best_without_named_prompts_loss",
            found,
            "fraction",
            found,
            bench.loss("lora"),
            None,
            "lower",
            note,
        )
    )


def judged_second(result: Result, bench: Bench) -> None:
    """The same recipe with another target."""
    _target(result, bench.table, "second_target_gain_kept", "second_target_adjacent_loss")
    ours, theirs = bench.loss(BEST), bench.loss("lora")
    told = "; ".join(bench.lines()[1:])
    result.add(Figure("second_target_unnamed_loss", ours, "fraction", ours, theirs, None, "lower", told))


def _target(result: Result, table: Table, gain: str, adjacent: str) -> None:
    gains = [table.gain(name) for name in (BEST, "lora")]
    note = f"seeds {table.seeds[BEST]}"
    result.add(Figure(gain, gains[0] / gains[1], "ratio", *gains, 0.98, "higher", note))
    losses = [1.0 - table.retention(name) for name in (BEST, "lora")]
    note = ", ".join(f"{name} {loss:+.3f}" for name, loss in table.losses(BEST).items())
    result.add(Figure(adjacent, losses[0], "fraction", *losses, 0.03, "lower", note))


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", nargs="+", metavar="RECIPE", help="these recipes, one seed, no figures")
    parser.add_argument("--target", choices=("intents", "topics"), default="intents", help="with --only")


def main() -> None:
    """Run the benchmark."""
    options = arguments(__doc__ or "", more=_options)
    result = Result("unnamed", options.quick, options.seed)
    why = missing()
    if why:
        for name in FIGURES:
            result.miss(name, why)
        finish(result, as_json=options.json)
        return
    size, each = (QUICK, EACH_QUICK) if options.quick else (FULL, EACH)
    if options.only:
        bench = Bench.of(TOPICS if options.target == "topics" else INTENTS, size, each)
        for name in options.only:
            bench.run(name, size.seeds[:1])
        say("\n".join(bench.lines()))
        return
    first = Bench.of(INTENTS, size, each)
    for name in ("lora", BEST):
        first.run(name, size.seeds)
    for name in recipes(size.steps, first.lab.folder):
        if name != BEST:
            first.run(name, size.seeds[:1])
    say("\n".join(first.lines()))
    judged(result, first)
    second = Bench.of(TOPICS, size, each)
    for name in ("lora", BEST):
        second.run(name, size.seeds)
    say("\n".join(second.lines()))
    judged_second(result, second)
    kept = {bench.lab.target.name: {"base": bench.base, **bench.runs} for bench in (first, second)}
    (CACHE / "unnamed.json").write_text(json.dumps(kept), encoding="utf-8")
    finish(result, as_json=options.json)


if __name__ == "__main__":
    main()
