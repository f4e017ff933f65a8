"""From what was asked of one measure to what the audit says of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from evaluator.audit.diff.paired import interval_of
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.measures.unscored import not_measured
from evaluator.audit.nll import nll_change
from evaluator.audit.result import ItemPair, MeasureAudit
from evaluator.audit.state import Asked, Pair


def audited(asked: Asked, settings: GateSettings) -> MeasureAudit:
    """One measure's part of the audit."""
    watched, measure = asked.watched, asked.watched.measure
    pairs = [pair for draw in asked.pairs for pair in draw]
    base_mean, candidate_mean = _means(asked.pairs)
    unmeasured = watched.not_measured or _not_measured(asked, pairs)
    lower, upper = interval_of(asked.draws, asked.level_fail, settings.alpha_pass)
    changed = [item for pair in pairs if (item := _item_pair(pair)) is not None and item.drop != 0.0]
    lost = sorted((item for item in changed if item.drop > 0.0), key=lambda item: -item.drop)
    return MeasureAudit(
        capability=measure.capability,
        name=measure.name,
        version=measure.version,
        items=len(measure.items),
        asked=len(pairs),
        draws=len(asked.draws),
        unscored=sum(b.value is None or c.value is None for b, c in pairs),
        base_mean=base_mean,
        candidate_mean=candidate_mean,
        gap=None if base_mean is None or candidate_mean is None else base_mean - candidate_mean,
        lower=lower,
        upper=upper,
        threshold=measure.threshold,
        fail_beyond=watched.fail_beyond,
        pass_within=watched.pass_within,
        alpha_fail=asked.level_fail,
        alpha_pass=settings.alpha_pass,
        p_fail=asked.evidence.p_fail,
        p_pass=asked.evidence.p_pass,
        at_floor=None if unmeasured else asked.floor,
        not_measured=unmeasured,
        unable=watched.unable,
        no_pass=watched.no_pass,
        stopped=asked.stopped,
        # Bounds may come to a verdict on what has no scores; nobody saw it, so it is none.
        verdict="inconclusive" if unmeasured else asked.verdict,
        lost=len(lost),
        gained=len(changed) - len(lost),
        worst=tuple(lost[: settings.worst_pairs]),
        nll=nll_change(pairs),
    )


def _not_measured(asked: Asked, pairs: Sequence[Pair]) -> str | None:
    """Why these pairs compare nothing: none of the candidate's answers has a score, or none, or too few, of base's.

    Where the baseline, which knows every item, has base at the floor, that stays what there is to say.
    """
    if asked.watched.floor is not None:
        return None
    base, candidate = ([pair[side] for pair in pairs] for side in (0, 1))
    if (why := not_measured(base, at_floor=asked.floor is not None)) is not None:
        return f"base: {why}"
    if (why := not_measured(candidate)) is not None:
        return f"the candidate: {why}"
    if pairs and all(b.value is None or c.value is None for b, c in pairs):
        return f"none of {len(pairs)} items was scored for both"
    return None


def _means(draws: Sequence[Sequence[Pair]]) -> tuple[float | None, float | None]:
    """Mean scores of base and candidate over draws, each draw the mean of its items that both sides have a score of."""
    base, candidate = [], []
    for draw in draws:
        scored = [(b.value, c.value) for b, c in draw if b.value is not None and c.value is not None]
        if scored:
            base.append(sum(b for b, _ in scored) / len(scored))
            candidate.append(sum(c for _, c in scored) / len(scored))
    if not base:
        return None, None
    return sum(base) / len(base), sum(candidate) / len(candidate)


def _item_pair(pair: Pair) -> ItemPair | None:
    """A pair for the report; None where one side has no score."""
    base, candidate = pair
    if base.value is None or candidate.value is None:
        return None
    return ItemPair(
        item=base.item,
        prompt=base.prompt,
        base=base.answer,
        candidate=candidate.answer,
        base_value=base.value,
        candidate_value=candidate.value,
        candidate_reason=candidate.reason,
    )
