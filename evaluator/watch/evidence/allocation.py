"""Where the next shadow pairs should go: mostly where a drop would else be found too late.

Pairs at a fixed fraction of traffic starve the rare capability. Here each capability gets a fraction of its own
traffic, a function of the past only: the fractions are fixed before the next prompt's scores exist, so every
test stays valid. What is minimised is the expected time to find the one capability that dropped, weighed by how
many users it meets: sum_k P(k dropped) * need_k * harm_k / rate_k under sum_k rate_k = budget, whose solution is
rate_k ~ sqrt(P(k dropped) * need_k * harm_k). P(k dropped) is what the evidence says (E_k is the likelihood ratio
of "k dropped" to "nothing did") but for a tenth (`GUESS`), which stays a guess that makes each alike, so that bad
luck starves nobody; need_k is the number of pairs that it takes from nothing to the bar, as evidence goes down as
well as up; harm_k is the square root of its traffic, between time alone and bad answers alone.

A capability whose whole traffic is not enough takes all of it, and the others share the rest. A part of the
budget (`EVENLY`) is drawn from all prompts alike, so that what the router's word table does not recognise is
paired too.

`belay watch` publishes the fractions with every `hold`; control puts them into the rollout's state; routers
draw by them (docs/router.md, "Who gets a shadow").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.sequential import ln
from telemetry.events import Allotment

SOUGHT: Final = 0.08
"""Drop beyond the threshold that the need is reckoned for (the middle of the grid)."""
EVENLY: Final = 0.2
"""Part of the budget that does not depend on what a prompt is taken for."""
GUESS: Final = 0.1
"""Part of the suspicion that evidence cannot move. Against a half, by simulation: one drop in 40% of the traffic
served a sixth fewer bad answers, and one in 2% of it was found an eighth sooner."""
DIGITS: Final = 4


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
        suspicion = GUESS / len(needs) + (1.0 - GUESS) * mine / total
        nats = -ln(alpha * need.weight)
        pairs = nats * 2.0 * (need.second_moment + SOUGHT * SOUGHT) / (SOUGHT * SOUGHT)
        harm = sqrt(need.traffic)
        marks.append(sqrt(suspicion * pairs * harm))
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


def fractions(needs: Sequence[Need], budget: float, alpha: float = 0.01) -> tuple[tuple[float, ...], float]:
    """Each capability's fraction, and that of every other prompt: `EVENLY` of the budget, and where it is needed."""
    evenly = EVENLY * budget
    aimed = allocate(needs, budget - evenly, alpha)
    return tuple(round(min(evenly + f, 1.0), DIGITS) for f in aimed), round(evenly, DIGITS)


def traffic_of(capability: str, tags: Mapping[str, int], capabilities: int) -> float:
    """The capability's part of all traffic, by the routers' tags so far; one more of each is assumed.

    `tags` counts prompts by what routers took them for, "" for nothing. So the budget is kept by what routers
    will do, right or wrong, and a capability that has not come yet is rare rather than absent.
    """
    return (tags.get(capability, 0) + 1.0) / (sum(tags.values()) + capabilities + 1.0)


def next_allotment(evidence: RolloutEvidence) -> Allotment | None:
    """Where the next shadows should go; None where nothing is shadowed or no router tells capabilities apart."""
    spec = evidence.spec
    if spec.shadow <= 0.0 or not any(evidence.tags):
        return None
    heard = [c for c in spec.capabilities if not evidence.folds[c.name].silenced]
    watched = [c for c in heard if c.watched and c.weight > 0.0]
    needs = [
        Need(
            traffic_of(c.name, evidence.tags, len(spec.capabilities)),
            c.weight,
            evidence.folds[c.name].drop.e_value,
            evidence.folds[c.name].past.second_moment,
        )
        for c in watched
    ]
    aimed, otherwise = fractions(needs, spec.shadow, spec.alpha)
    return Allotment(
        settled=evidence.settled,
        by_capability={c.name: fraction for c, fraction in zip(watched, aimed, strict=True)},
        otherwise=otherwise,
    )
