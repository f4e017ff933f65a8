"""Who judges what, how far it agrees with what is known to be right, and what its questions cost. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pydantic import Field

from telemetry.events import CapabilityEvidence, CapabilityWatch, JudgeAsked, Value


class Agreement(Value):
    """The judge of one capability. Points are fractions; all from what was measured before the rollout or by people.

    `adds` is by how much its error may exaggerate a drop, for which the threshold was moved; `hides` how much of one it
    may hide; `power` how much of a true drop shows. A program has neither: it is right by definition. Of `graded` pairs
    that people graded meanwhile, `off` is the mean of judged gap less graded gap; `refuted` says that its scores are no
    evidence any more. `idle` is why it cannot fire, where it cannot.
    """

    capability: str
    judge: str
    adds: float | None
    hides: float
    power: float
    graded: int | None
    off: float | None
    refuted: bool
    idle: str | None


class Cost(Value):
    """Questions to one judging model since its workers began, by how they ended; `mean_s` is how long one took.

    `prompt_tokens` and `completion_tokens` are None where nobody told any; of `unmetered` replies they are unknown.
    `spent` is what those that are known cost, by currency; it lacks those of workers that were told no price.
    """

    judge: str
    asked: int
    ended: dict[str, int]
    mean_s: float | None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    unmetered: int = 0
    spent: dict[str, float] = Field(default_factory=dict)


def agreements(
    watched: Sequence[CapabilityWatch], evidence: Iterable[CapabilityEvidence]
) -> tuple[Agreement, ...]:
    """The judge of each capability, in the order of the rollout's own list."""
    found = {one.capability: one for one in evidence}
    return tuple(_agreement(one, found.get(one.name)) for one in watched)


def _agreement(one: CapabilityWatch, evidence: CapabilityEvidence | None) -> Agreement:
    people = None if evidence is None else evidence.people
    return Agreement(
        capability=one.name,
        judge=one.judged_by,
        adds=None if one.tolerated is None else max(0.0, one.threshold - one.tolerated),
        hides=one.judge_hides,
        power=one.judge_power,
        graded=None if people is None else people.pairs,
        off=None if people is None else people.judge_adds,
        refuted=people is not None and people.judge_refuted,
        idle=one.unwatched,
    )


def costs(told: Iterable[JudgeAsked]) -> tuple[Cost, ...]:
    """What every judging model was asked, over all workers, the one that was asked most first."""
    by_judge: dict[str, list[JudgeAsked]] = {}
    for each in told:
        by_judge.setdefault(each.judge, []).append(each)
    return tuple(
        sorted((_cost(judge, asked) for judge, asked in by_judge.items()), key=lambda one: -one.asked)
    )


def _cost(judge: str, asked: Sequence[JudgeAsked]) -> Cost:
    ended: Counter[str] = Counter()
    for each in asked:
        ended.update(each.ended)
    count = ended.total()
    metered = [one.tokens for one in asked if one.tokens is not None and one.tokens.metered]
    return Cost(
        judge=judge,
        asked=count,
        ended=dict(ended),
        mean_s=sum(one.seconds for one in asked) / count if count else None,
        prompt_tokens=sum(one.prompt for one in metered) if metered else None,
        completion_tokens=sum(one.completion for one in metered) if metered else None,
        unmetered=sum(_unmetered(one) for one in asked),
        spent=_spent(asked),
    )


def _spent(asked: Sequence[JudgeAsked]) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in asked:
        if one.price is not None and one.tokens is not None and one.tokens.metered:
            cost = one.price.of(prompt=one.tokens.prompt, completion=one.tokens.completion)
            found[one.price.currency] = found.get(one.price.currency, 0.0) + cost
    return found


def _unmetered(asked: JudgeAsked) -> int:
    """Replies without known tokens; a worker that does not count tokens knows those of none of its answers."""
    return asked.ended.get("answered", 0) if asked.tokens is None else asked.tokens.unmetered
