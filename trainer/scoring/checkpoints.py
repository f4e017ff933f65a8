"""What the checkpoints of a training are worth: target against retention, which one is best, when to stop. Pure.

`target` is the mean score on the target. `retention` is 1 minus the mean relative loss over the adjacent capabilities
that are above the floor: 1 where nothing was lost on average, more where something was gained.

`kl` is how far the candidate is from base on the target's prompts. Over many fine-tunes forgetting followed the KL
divergence between the two on the new task's prompts (Shenfeld, Pari and Agrawal 2025, https://arxiv.org/abs/2509.04259),
so it warns of what no capability was named for.

One evaluation dominates another that is nowhere better and somewhere worse; those that no other dominates are the
Pareto front.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from evaluator.audit.diff.paired_set import Verdict
from telemetry.events import Value

RULE = (
    "of the checkpoints on the front, one with the fewest capabilities that certainly fell beyond their threshold; "
    "among these the best target, then the best retention, then the earliest"
)
"""How the checkpoint that goes to merging is chosen, as reports say it."""


class CapabilityScore(Value):
    """One capability at one checkpoint: means of base and candidate over the same `n` items, None without a score.

    `verdict` is the paired test's on the drop, of as many items as it took; `floor` says why nothing can be told.
    """

    name: str
    role: Literal["target", "adjacent"]
    threshold: float
    n: int
    base: float | None
    candidate: float | None
    verdict: Verdict
    floor: str | None = None


class Evaluation(Value):
    """The capability suite at one checkpoint.

    `kl` is KL(candidate || base) in nats a token, on the candidate's answers to target prompts; None: not measured.
    """

    step: int
    capabilities: tuple[CapabilityScore, ...]
    kl: float | None = None

    @property
    def target(self) -> float | None:
        """The candidate's mean score on the target; None where nothing was scored."""
        return next(c.candidate for c in self.capabilities if c.role == "target")

    @property
    def retention(self) -> float | None:
        """1 - mean of (base - candidate) / base; None where no adjacent capability is above the floor."""
        kept = [
            c.candidate / c.base
            for c in self.capabilities
            if c.role == "adjacent" and c.floor is None and c.base and c.candidate is not None
        ]
        return sum(kept) / len(kept) if kept else None

    @property
    def over(self) -> tuple[str, ...]:
        """The capabilities that certainly fell by more than their threshold."""
        return tuple(c.name for c in self.capabilities if c.floor is None and c.verdict == "fail")

    @property
    def beyond(self) -> tuple[str, ...]:
        """The capabilities whose mean fell by more than their threshold, certainly or not."""
        return tuple(
            c.name
            for c in self.capabilities
            if c.floor is None
            and c.base is not None
            and c.candidate is not None
            and c.base - c.candidate > c.threshold
        )

    @property
    def point(self) -> tuple[float, float]:
        """Target and retention; what cannot be told counts as 0, in all evaluations alike."""
        return self.target or 0.0, self.retention or 0.0


def front(evaluations: Sequence[Evaluation]) -> tuple[Evaluation, ...]:
    """The evaluations that no other dominates, in their order; of equal ones the earliest."""
    found: list[Evaluation] = []
    for place, one in enumerate(evaluations):
        earlier, later = evaluations[:place], evaluations[place + 1 :]
        if not any(_at_least(other, one) for other in earlier) and not any(
            _at_least(other, one) and other.point != one.point for other in later
        ):
            found.append(one)
    return tuple(found)


def too_far(one: Evaluation, most_kl: float | None) -> bool:
    """Whether its KL is above `most_kl`; what was not measured is not, and without a limit nothing is."""
    return most_kl is not None and one.kl is not None and one.kl > most_kl


def eligible(evaluations: Sequence[Evaluation], most_kl: float | None) -> tuple[Evaluation, ...]:
    """Those that may be merged: all that are not too far; where all are, the least far one, the earliest of equals."""
    near = tuple(one for one in evaluations if not too_far(one, most_kl))
    if near or not evaluations:
        return near
    return (min(evaluations, key=lambda e: (e.kl or 0.0, e.step)),)


def best(evaluations: Sequence[Evaluation], most_kl: float | None = None) -> Evaluation:
    """The one of those eligible that `RULE` chooses. ValueError where there is none."""
    return min(
        front(eligible(evaluations, most_kl)), key=lambda e: (len(e.over), *(-x for x in e.point), e.step)
    )


def nothing_new(evaluations: Sequence[Evaluation], patience: int) -> bool:
    """Whether each of the last `patience` evaluations was dominated, or equalled, by one before it."""
    last = range(len(evaluations) - patience, len(evaluations))
    return len(evaluations) > patience and all(
        any(_at_least(earlier, evaluations[place]) for earlier in evaluations[:place]) for place in last
    )


def enough(evaluations: Sequence[Evaluation], patience: int | None, most_kl: float | None) -> bool:
    """Whether to stop after the last of them: too far, or nothing new. None of a limit: it never stops for that."""
    if evaluations and too_far(evaluations[-1], most_kl):
        return True
    return patience is not None and nothing_new(evaluations, patience)


def _at_least(one: Evaluation, other: Evaluation) -> bool:
    return all(a >= b for a, b in zip(one.point, other.point, strict=True))
