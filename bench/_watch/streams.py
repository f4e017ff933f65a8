"""Rollouts on streams of real answers: once with Belay's scores, once with the truth, through the product's own fold.

A candidate with a drop of d in one capability answers as a damaged model does with chance w and as base else, where w
times the damaged model's true gap is d. Every interaction is a pair, drawn with replacement from the unseen prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from _scores import rollout, score
from _shape import Figure, Result, say

from _watch.unseen import Scored
from evaluator.judge.judges.calibration import Calibration
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.planning.judge_terms import of_calibration

DROPS = (0.05, 0.1, 0.2)
CLIFF = 1.0
LEAST_GAP = 0.1
"""A damaged model that lost less of a capability teaches nothing of a drop there."""


@dataclass(frozen=True, slots=True)
class Answers:
    """One capability's scores by question: base's and the damaged model's, judged and true (n, 2)."""

    base: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    damaged: np.ndarray[tuple[int, int], np.dtype[np.float64]]

    @property
    def gap(self) -> float:
        """The damaged model's true drop."""
        return float((self.base[:, 1] - self.damaged[:, 1]).mean())


def answers_of(base: Sequence[Scored], damaged: Sequence[Scored]) -> dict[str, Answers]:
    """Both models' scores side by side; both were asked the same questions in the same order."""
    found: dict[str, Answers] = {}
    for name in dict.fromkeys(row.capability for row in base):
        rows = [
            ([ours.judged, ours.true], [theirs.judged, theirs.true])
            for ours, theirs in zip(base, damaged, strict=True)
            if ours.capability == name
        ]
        found[name] = Answers(np.array([a for a, _ in rows]), np.array([b for _, b in rows]))
    return found


def rollback_at(
    answers: Mapping[str, Answers],
    thresholds: Mapping[str, float],
    chances: Mapping[str, float],
    which: int,
    horizon: int,
    rng: np.random.Generator,
) -> int | None:
    """The interaction at which M reached the bar; None where it did not. `which` is 0 for judged scores, 1 for true."""
    names = list(thresholds)
    evidence = RolloutEvidence(rollout(thresholds))
    for at in range(horizon):
        name = names[rng.integers(len(names))]
        own = answers[name]
        question = rng.integers(len(own.base))
        broken = rng.random() < chances.get(name, 0.0)
        candidate = (own.damaged if broken else own.base)[question, which]
        control = float(own.base[question, which])
        evidence.settle(score(at, name, control, float(candidate), subject=str(at)), 0, at)
        if evidence.breached:
            return at + 1
    return None


def streams(
    result: Result,
    found: Mapping[str, list[Scored]],
    thresholds: Mapping[str, float],
    calibrations: Mapping[str, Calibration],
    damaged: str,
) -> None:
    """The figures `unseen_vs_verified_samples` and `false_rollback_unseen`."""
    answers = answers_of(found["base"], found[damaged])
    moved = {
        name: of_calibration(delta, calibrations[name], "learned").threshold
        if name in calibrations and _learned(found, name)
        else delta
        for name, delta in thresholds.items()
    }
    runs, horizon = (4, 1500) if result.quick else (30, 6000)
    rng = np.random.default_rng(result.seed)
    ratios: dict[str, list[float]] = {}
    for drop in (*DROPS, CLIFF):
        label = "a cliff" if drop == CLIFF else f"{100 * drop:.0f} points"
        for name in thresholds:
            gap = answers[name].gap
            if gap < max(LEAST_GAP, drop if drop != CLIFF else 0.0) or drop <= thresholds[name]:
                continue
            chance = {name: 1.0 if drop == CLIFF else drop / gap}
            ours = _mean_samples(
                lambda r, c=chance: rollback_at(answers, moved, c, 0, horizon, r), runs, rng, horizon
            )
            theirs = _mean_samples(
                lambda r, c=chance: rollback_at(answers, thresholds, c, 1, horizon, r), runs, rng, horizon
            )
            ratios.setdefault(label, []).append(ours / theirs)
            say(f"{name}, {label}: {ours:.0f} interactions with scores, {theirs:.0f} with the truth")
    every = [ratio for group in ratios.values() for ratio in group]
    said = "; ".join(
        f"{label} {np.median(group):.2f} (worst {max(group):.2f} of {len(group)})"
        for label, group in ratios.items()
    )
    result.add(
        Figure(
            "unseen_vs_verified_samples", float(np.median(every)), "ratio", None, None, 1.6, "lower",
            f"median over capabilities and drops; {said}; {runs} runs each, at most {horizon:,} pairs, one that found "
            "nothing counts as that many",
        )
    )  # fmt: skip
    _false(result, answers, thresholds, moved, horizon)


def _false(
    result: Result,
    answers: Mapping[str, Answers],
    thresholds: Mapping[str, float],
    moved: Mapping[str, float],
    horizon: int,
) -> None:
    runs = 10 if result.quick else 100
    rng = np.random.default_rng(result.seed + 1)
    boundary = {
        name: min(delta / answers[name].gap, 1.0)
        for name, delta in thresholds.items()
        if answers[name].gap >= LEAST_GAP
    }
    cases: dict[str, tuple[Mapping[str, float], Mapping[str, float], int]] = {
        "identical": ({}, moved, 0),
        "at the boundary in every capability": (boundary, moved, 0),
        "the same with unmoved thresholds": (boundary, thresholds, 0),
        "the same with the truth": (boundary, thresholds, 1),
    }
    counts = {
        label: sum(
            rollback_at(answers, limits, chance, which, horizon // 2, rng) is not None for _ in range(runs)
        )
        for label, (chance, limits, which) in cases.items()
    }
    first = list(counts.values())[:2]
    result.add(
        Figure(
            "false_rollback_unseen", max(first) / runs, "fraction", None, None, 0.01, "lower",
            f"of {runs} runs of {horizon // 2:,} pairs: {counts}",
        )
    )  # fmt: skip


def _learned(found: Mapping[str, list[Scored]], name: str) -> bool:
    """Whether some of the capability's scores are predictions."""
    return any(row.basis == "learned" for rows in found.values() for row in rows if row.capability == name)


def _mean_samples(
    run: Callable[[np.random.Generator], int | None], runs: int, rng: np.random.Generator, horizon: int
) -> float:
    return float(np.mean([run(rng) or horizon for _ in range(runs)]))
