"""Where a measure says nothing of a capability because its items have no scores: not measured. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from evaluator.audit.measures.answers import ItemAnswer

_REASONS: Final = 3


def not_measured(answers: Sequence[ItemAnswer], *, at_floor: bool = False) -> str | None:
    """Why these answers measure nothing, with the reasons counted; None where they measure something.

    Nothing is measured where no item has a score. And what few scores say is not said of all: that base is `at_floor`,
    where nothing could be lost, is not believed where fewer than half of the items have one. No answers say nothing.
    """
    scored = sum(answer.value is not None for answer in answers)
    if not answers or (scored > 0 and not (at_floor and 2 * scored < len(answers))):
        return None
    return f"{_how_many(scored)} of {len(answers)} items scored: {_reasons(answers)}"


def _how_many(scored: int) -> str:
    return "none" if scored == 0 else f"only {scored}"


def _reasons(answers: Sequence[ItemAnswer]) -> str:
    """The commonest reasons with their counts, each without what stands after its colon: that is the item's own."""
    kinds = Counter(a.reason.partition(": ")[0] or "no reason given" for a in answers if a.value is None)
    named = [f"{kind} ({count})" for kind, count in kinds.most_common(_REASONS)]
    if len(kinds) > _REASONS:
        named.append(f"{len(kinds) - _REASONS} other reasons")
    return ", ".join(named)
