"""How often Belay's scores were right, where whoever sent the traffic knows what is right. Pure.

Nothing on the online path has the truth. The replay client keeps it, and it serves for this report alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict
from sklearn.metrics import roc_auc_score

from telemetry.events import Arm, ArmCount, ScoreRecorded

Name = TypeVar("Name")

CLOSE: Final = 0.25
"""Score and truth agree where they differ by no more than this."""
RIGHT: Final = 0.5
"""An answer whose true quality is at least this is a right one, for the AUC."""


@dataclass(frozen=True, slots=True)
class Known:
    """What its sender knows of one interaction.

    `capability` is None where the request belongs to none. `value` is the true quality, in [0, 1], of the answer that
    came back; None where nobody can say.
    """

    interaction_id: str
    capability: str | None
    value: float | None


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Agreement(_Frozen):
    """`n` answers with a score and a truth: how far the one stands for the other.

    `close` is the share that differs by no more than `CLOSE`; `auc` the probability that a right answer scores above a
    wrong one, ties half (None where all are right or all wrong); `error` the mean score minus the mean truth.
    """

    n: int
    close: float
    auc: float | None
    error: float


class AgainstTruth(_Frozen):
    """Scores beside the truth.

    known            interactions of which the sender knows something and of which there is a score record
    in_scope         of these, those that belong to a capability
    tags_right       share of `known` whose tag is right, no tag being right for what belongs to no capability
    in_scope_right   the same over `in_scope`; `strangers_untagged` over the others
    tagged           those with a tag; `scored` is the share of them that has a value
    overall          agreement over every interaction with a value and a truth; `by_arm`, `by_capability` (as tagged)
    served           the true quality of what users got, by the capability that the request belongs to and by arm

    A share of nothing is None. What failed on the way (time-outs, answers that base gave instead) counts for its tag
    and is left out of the agreement: its score is that of an answer which the sender never got.
    """

    known: int
    in_scope: int
    tags_right: float | None
    in_scope_right: float | None
    strangers_untagged: float | None
    tagged: int
    scored: float | None
    overall: Agreement | None
    by_arm: dict[Arm, Agreement]
    by_capability: dict[str, Agreement]
    served: dict[str, dict[Arm, ArmCount]]


@dataclass(frozen=True, slots=True)
class _Pair:
    known: Known
    score: ScoreRecorded


def against_truth(known: Iterable[Known], scores: Iterable[ScoreRecorded]) -> AgainstTruth:
    """Join by interaction and compare. Of several records of one interaction the first with a value counts."""
    by_interaction: dict[str, ScoreRecorded] = {}
    for score in scores:
        kept = by_interaction.get(score.interaction_id)
        if kept is None or (kept.value is None and score.value is not None):
            by_interaction[score.interaction_id] = score
    pairs = [
        _Pair(one, by_interaction[one.interaction_id])
        for one in known
        if one.interaction_id in by_interaction
    ]
    right = [pair.score.capability == pair.known.capability for pair in pairs]
    tagged = [pair for pair in pairs if pair.score.capability is not None]
    inside = [ok for ok, pair in zip(right, pairs, strict=True) if pair.known.capability is not None]
    outside = [ok for ok, pair in zip(right, pairs, strict=True) if pair.known.capability is None]
    compared = [pair for pair in pairs if not pair.score.failed]
    arms: tuple[Arm, ...] = ("control", "candidate")
    names = sorted({pair.score.capability for pair in tagged if pair.score.capability is not None})
    return AgainstTruth(
        known=len(pairs),
        in_scope=len(inside),
        tags_right=_share(right),
        in_scope_right=_share(inside),
        strangers_untagged=_share(outside),
        tagged=len(tagged),
        scored=_share([pair.score.value is not None for pair in tagged]),
        overall=_agreement(compared),
        by_arm=_groups({arm: [p for p in compared if p.score.assignment.arm == arm] for arm in arms}),
        by_capability=_groups({name: [p for p in compared if p.score.capability == name] for name in names}),
        served=_served(compared, arms),
    )


def _served(pairs: Sequence[_Pair], arms: Sequence[Arm]) -> dict[str, dict[Arm, ArmCount]]:
    values: dict[str, dict[Arm, list[float]]] = {}
    for pair in pairs:
        if pair.known.capability is not None and pair.known.value is not None:
            mine = values.setdefault(pair.known.capability, {arm: [] for arm in arms})
            mine[pair.score.assignment.arm].append(pair.known.value)
    return {
        name: {arm: ArmCount(n=len(v), mean=sum(v) / len(v) if v else None) for arm, v in by_arm.items()}
        for name, by_arm in sorted(values.items())
    }


def _groups(groups: dict[Name, list[_Pair]]) -> dict[Name, Agreement]:
    found = {name: _agreement(pairs) for name, pairs in groups.items()}
    return {name: agreement for name, agreement in found.items() if agreement is not None}


def _agreement(pairs: Sequence[_Pair]) -> Agreement | None:
    both = [
        (pair.score.value, pair.known.value)
        for pair in pairs
        if pair.score.value is not None and pair.known.value is not None
    ]
    if not both:
        return None
    right = [truth >= RIGHT for _, truth in both]
    return Agreement(
        n=len(both),
        close=sum(abs(score - truth) <= CLOSE for score, truth in both) / len(both),
        auc=float(roc_auc_score(right, [score for score, _ in both])) if len(set(right)) == 2 else None,
        error=sum(score - truth for score, truth in both) / len(both),
    )


def _share(met: Sequence[bool]) -> float | None:
    return sum(met) / len(met) if met else None
