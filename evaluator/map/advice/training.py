"""Advice on how to train: how hard, what holds base's abilities, merging, and what is checked meanwhile."""

from __future__ import annotations

from typing import Final

from evaluator.map.advice import sources as source
from evaluator.map.advice.approach import FEW_ANSWERS
from evaluator.map.advice.facts import FEW_PROMPTS, Facts, TrainingData, names_of
from evaluator.map.advice.mix import mix_of
from evaluator.map.advice.values import Advice, Reason

BATCH: Final = 12
"""`batch_size` of a training run; the steps below reckon with it."""
RATES: Final = (2e-4, 5e-4, 1e-3)
EPOCHS: Final = (1.0, 3.0)
EPOCHS_OF_FEW: Final = (0.5, 1.0)
"""Where the target has few different answers, they are learned within an epoch (docs/trainer.md: 20 steps)."""
WEIGHTS: Final = (1.0, 0.85, 0.7, 0.55, 0.4)
CHECK_ITEMS: Final = 20
FISHER_SAMPLES: Final = 64


def ewc_next(facts: Facts) -> Advice:
    """Losses that are incidents: what kept most is tried first, and what comes after it is named."""
    return Advice(
        "Neither in this run; EWC-LoRA beside it in the next, if the audit fails",
        (
            Reason("brief", f"a loss is an incident, or hardly any is tolerated: {names_of(facts.tight)}"),
            Reason("measured", str(source.DIVERGENCE_HERE)),
            Reason("measured", str(source.EWC_HERE)),
            Reason("published", str(source.EWC)),
            Reason(
                "thin",
                "EWC beside the divergence: its strength has to be found on your model, from hundreds to 100,000 "
                "where base has 135M parameters; 1 does nothing there. The next run would have "
                f"ewc: {{strength: 1000, fisher: empirical, samples: {min(FISHER_SAMPLES, facts.prompts)}}}",
            ),
        ),
    )


def few_prompts(facts: Facts) -> Advice:
    """Something to keep and little to tell what matters to it: prompts are worth more than a method without any."""
    return Advice(
        "Neither: gather prompts first",
        (
            Reason(
                "brief",
                f"{facts.prompts} exemplars of adjacent capabilities are too few to estimate Fisher information "
                f"(fewer than {FEW_PROMPTS}), and few to rehearse",
            ),
            Reason("measured", str(source.SAM_HERE)),
            Reason("published", str(source.SAM)),
            Reason(
                "thin",
                "that was shown on larger models; if yours is one, SAM, which needs no prompts, may be worth a run "
                "beside this one: sam: {layers: 0.25}",
            ),
        ),
    )


def neither(facts: Facts) -> Advice:
    """Rehearsal is enough to begin with."""
    return Advice(
        "Neither, to begin with",
        (
            Reason("brief", "no adjacent capability is critical or has a threshold of 3 points or less")
            if facts.watched
            else Reason("baseline", "no adjacent capability can lose anything"),
            Reason(
                "arithmetic", "each of the two adds a knob that has to be tuned, and SAM time in every step"
            ),
            Reason("thin", "where the audit fails all the same, EWC-LoRA is the next to try"),
        ),
    )


def sweep(facts: Facts) -> Advice:
    """The baseline is tuned first."""
    steps = steps_of(facts)
    return Advice(
        f"Tune plain LoRA first: {len(RATES)} rates, each with {len(steps)} lengths",
        (
            _lengths(facts, steps),
            Reason("published", str(source.LORA)),
            Reason(
                "arithmetic",
                f"{len(RATES) * sum(steps)} steps in all; every other method is compared with the best",
            ),
        ),
        {"batch_size": BATCH, "sweep": {"learning_rates": list(RATES), "steps": steps}},
    )


def _lengths(facts: Facts, steps: list[int]) -> Reason:
    if facts.data is None:
        return Reason("thin", "nobody knows how many dialogues there are; the steps are a guess")
    often = " and ".join(f"{epochs:g}" for epochs in _epochs(facts.data))
    lengths = " and ".join(map(str, steps))
    return Reason(
        "data",
        f"{facts.data.examples} dialogues, {facts.data.answers} different answers: {lengths} steps see each dialogue "
        f"{often} times, at {BATCH} a step less what the mix takes",
    )


def no_sweep(facts: Facts) -> Advice:
    """There is nothing to tune on but the audit's own items."""
    return Advice(
        f"One run of {steps_of(facts)[-1]} steps; a sweep has nothing to choose by",
        (
            Reason(
                "brief",
                "some capability has audit items only, and choosing by those would spoil the audit: give it items "
                "with split 'tuning'",
            ),
        ),
        {"steps": steps_of(facts)[-1], "batch_size": BATCH},
    )


def steps_of(facts: Facts) -> list[int]:
    """How many steps see the target's dialogues as often as they should be, the mix taking its share of each batch."""
    if facts.data is None:
        return [20, 60]
    a_step = BATCH * (1 - mix_of(facts).taken)
    return sorted({max(10, round(epochs * facts.data.examples / a_step)) for epochs in _epochs(facts.data)})


def _epochs(data: TrainingData) -> tuple[float, ...]:
    return EPOCHS_OF_FEW if data.answers <= FEW_ANSWERS else EPOCHS


def merge_search(facts: Facts) -> Advice:
    """Weights between base and fine-tuned, searched against the thresholds."""
    return Advice(
        "Yes: search linear weights against the thresholds",
        (
            Reason(
                "brief",
                f"{len(facts.watched)} thresholds decide; the heaviest weight that keeps them all is taken",
            ),
            Reason("published", str(source.INTERPOLATION)),
            Reason("measured", str(source.MERGES_HERE)),
            Reason(
                "arithmetic",
                "a weight costs an evaluation, no training; 1 is among them, so that nothing is given up",
            ),
            Reason(
                "thin",
                "spherical interpolation and weights by layer group: no evidence that they do better here",
            ),
        ),
        {"merge": {"method": "linear", "weights": list(WEIGHTS)}},
    )


def no_merge(facts: Facts) -> Advice:
    """No search: nothing to keep, or nothing to search by."""
    why = (
        Reason(
            "brief", "some capability has audit items only: nothing to search by that the audit does not ask"
        )
        if facts.watched
        else Reason("baseline", "no adjacent capability can lose anything")
    )
    return Advice("No", (why,), {"merge": {"weights": [1.0]}})


def check(facts: Facts) -> Advice:
    """Checkpoints are asked, and the data are decontaminated."""
    every = max(5, steps_of(facts)[-1] // 5)
    items = CHECK_ITEMS if facts.tunable else 0
    asked = items * (len(facts.adjacent) + 1)
    why = [
        Reason("arithmetic", f"{asked} questions a checkpoint at most, five checkpoints a run")
        if items
        else Reason("brief", "some capability has audit items only: checkpoints are saved, not asked"),
        Reason(
            "arithmetic",
            "training text that holds a benchmark's item makes its score a lie: shared 8-grams go",
        ),
        Reason("thin", f"{items} items see a cliff, not a slope: the audit decides"),
    ]
    return Advice(
        "Ask every capability at every checkpoint; drop training text that holds an item",
        tuple(why),
        {"checkpoints": {"every": every, "items": items}, "decontaminate": {"ngram": 8}},
    )
