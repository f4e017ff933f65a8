"""From answers and their judgements to items: what was judged is kept, what could not be is no item's result. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evaluator.audit.measures.answers import ItemAnswer
from evaluator.judge.judges.failed import JudgeFailed, Lost, lost
from evaluator.verifiers import Judgement

Judged = tuple[str, str, str, Judgement]
"""Item, prompt, the model's answer, and what was said of it."""


class ItemsUnjudged(JudgeFailed):
    """Some items could not be judged; `answered` are the others, each as it would have been without them."""

    def __init__(self, lost: Iterable[Lost], answered: Sequence[ItemAnswer]) -> None:
        super().__init__(lost)
        self.answered = tuple(answered)


def judged(capability: str, found: Sequence[Judged]) -> list[ItemAnswer]:
    """The items as they are kept, in the order of `found`. Raises ItemsUnjudged where a judgement failed.

    What a judge would not grade has no score here, whatever the brief's rule for traffic gives it: an audit takes it
    for what speaks most against each claim.
    """
    answers = [
        ItemAnswer(
            item=item,
            prompt=prompt,
            answer=answer,
            value=None if said.basis == "rule" else said.value,
            reason=said.reason,
        )
        for item, prompt, answer, said in found
        if said.failure is None
    ]
    if (loss := lost(capability, [said.failure for *_, said in found])) is not None:
        raise ItemsUnjudged([loss], answers)
    return answers
