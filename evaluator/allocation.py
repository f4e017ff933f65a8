"""Where the next shadow pairs (or judge calls) should go: mostly where a drop would else be found too late.

Pairs at a fixed fraction of traffic starve the rare capability. Here each capability gets a fraction of its own
traffic, a function of the past only: the fractions are fixed before the next prompt's scores exist, so every
test stays valid. What is minimised is the expected time to find the one capability that dropped,
sum_k P(k dropped) * need_k / rate_k under sum_k rate_k = budget, whose solution is
rate_k ~ sqrt(P(k dropped) * need_k). P(k dropped) is half a fixed guess (each alike) and half what the
evidence says (E_k is the likelihood ratio of "k dropped" to "nothing did"); need_k is the number of pairs that
it takes from nothing to the bar, as evidence goes down as well as up.

A capability whose whole traffic is not enough takes all of it, and the others share
the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

from evaluator.evidence import RolloutEvidence

SOUGHT = 0.08
"""Drop beyond the threshold that the need is reckoned for (the middle of the grid)."""


@dataclass(frozen=True, slots=True)
class Need:
    """One capability's state: fraction of all traffic, weight above 0, evidence E_k, second moment of pairs."""

    traffic: float
    weight: float
    e_value: float
    second_moment: float


def allocate(needs: Sequence[Need], budget: float, alpha: float = 0.01) -> tuple[float, ...]:
    """The fraction of each capability's interactions to make pairs of; together `budget` of all traffic."""
    if not needs:
        return ()
    evidence = [n.weight * n.e_value for n in needs]
    total = sum(evidence) + 1e-300
    marks = []
    for need, mine in zip(needs, evidence, strict=True):
        suspicion = 0.5 / len(needs) + 0.5 * mine / total
        nats = log(1.0 / (alpha * need.weight))
        pairs = nats * 2.0 * (need.second_moment + SOUGHT * SOUGHT) / (SOUGHT * SOUGHT)
        marks.append(sqrt(suspicion * pairs))
    return _fill(marks, [n.traffic for n in needs], budget)


def _fill(marks: Sequence[float], traffic: Sequence[float], budget: float) -> tuple[float, ...]:
    """Rates in proportion to `marks`, none above its traffic; what one cannot take the others share."""
    rates = [0.0] * len(marks)
    open_ones = [k for k in range(len(marks)) if traffic[k] > 0.0]
    left = min(budget, sum(traffic))
    while open_ones:
        scale = left / sum(marks[k] for k in open_ones)
        full = [k for k in open_ones if marks[k] * scale >= traffic[k]]
        for k in full or open_ones:
            rates[k] = traffic[k] if full else marks[k] * scale
        if not full:
            break
        left = max(left - sum(traffic[k] for k in full), 0.0)
        open_ones = [k for k in open_ones if k not in full]
    return tuple(r / t if t > 0.0 else 0.0 for r, t in zip(rates, traffic, strict=True))


def next_fractions(
    evidence: RolloutEvidence, traffic: dict[str, float], budget: float | None = None
) -> dict[str, float]:
    """Shadow fraction of each watched capability for the next prompts; `traffic` is its share of all traffic.

    `budget` is the fraction of all traffic that may be shadowed; the spec's `shadow` where it is None.
    """
    spec = evidence.spec
    watched = [c for c in spec.capabilities if c.watched]
    needs = [
        Need(
            traffic.get(c.name, 0.0),
            c.weight,
            evidence.folds[c.name].drop.e_value,
            evidence.folds[c.name].past.second_moment,
        )
        for c in watched
    ]
    fractions = allocate(needs, spec.shadow if budget is None else budget, spec.alpha)
    return {c.name: fraction for c, fraction in zip(watched, fractions, strict=True)}
