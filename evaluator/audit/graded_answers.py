"""Answers that a program scored in the audit, graded by the model that judges what users send of the capability.

Where a verifier judges the items, the audit has no scores by that model, and without them nobody sees later that
another one stands behind its name (`evaluator.judge.judges.anchors`). So it is asked once, at the end of the audit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from evaluator.audit.kept_answers import AnsweredItem, GradedAnswer
from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.anchors import Anchor, Anew
from evaluator.verifiers import Judgement

MOST: Final = 512
"""Answers that a model grades: where it falls by 10 points later, 95% of simulated runs had found it after so many."""
AT_ONCE: Final = 8


def to_grade(loaded: LoadedBrief, answered: Sequence[AnsweredItem]) -> dict[str, tuple[Anchor, ...]]:
    """By model, what it is to grade: at most `MOST` answers of both arms to items that verifiers score.

    None for a model whose `anchors` are 0, nor for one that judges another capability's items, which are known answers
    already. Which they are follows from their texts alone: neither from scores nor from the order of the items.
    """
    judges = {c.name: c.judge for c in loaded.brief.capabilities if c.judge.endpoint is not None}
    known = {one.endpoint.model for one in judges.values() if one.endpoint and one.verifier is None}
    models = {
        name: one.endpoint.model
        for name, one in judges.items()
        if one.endpoint is not None and one.endpoint.anchors > 0.0 and one.endpoint.model not in known
    }
    found: dict[str, dict[str, Anchor]] = {model: {} for model in models.values()}
    for anchor in _answers(answered, models):
        found[models[anchor.capability]].setdefault(anchor.name, anchor)
    return {
        model: tuple(one for _, one in sorted(named.items())[:MOST])
        for model, named in found.items()
        if named
    }


def graded(asked: Iterable[Anchor], judge: Anew) -> tuple[GradedAnswer, ...]:
    """Those that the model graded, with their grades. One that it would not grade, or that failed, is left out."""

    def grade(one: Anchor) -> Judgement:
        return judge.judge_anew(one.capability, one.prompt, one.answer)

    anchors = tuple(asked)
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="judge") as threads:
        found = list(threads.map(grade, anchors))
    return tuple(
        GradedAnswer(capability=one.capability, prompt=one.prompt, answer=one.answer, score=said.value)
        for one, said in zip(anchors, found, strict=True)
        if said.value is not None and said.basis == "model"
    )


def _answers(answered: Iterable[AnsweredItem], models: Mapping[str, str]) -> Iterator[Anchor]:
    for one in answered:
        if one.capability in models:
            for answer in (one.base, one.candidate):
                if answer.strip():
                    yield Anchor(one.capability, one.prompt, answer, expected=0.0, graded=True)
