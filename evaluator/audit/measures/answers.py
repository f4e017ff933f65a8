"""What baseline and audit share: a model's answer to an item, which items are asked, and how progress is told."""

from __future__ import annotations

from collections.abc import Callable

from evaluator.briefs.brief import LoadedBrief
from evaluator.briefs.items import Item
from telemetry.errors import BriefError
from telemetry.events import Value

Progress = Callable[[int, int, str], None]
"""Called with (items asked, items that will be asked as far as one can tell, measure)."""


class ItemAnswer(Value):
    """What a model answered to one item, and the judgement; `value` is None where the judge cannot tell.

    `gold_nll` is the model's negative log-likelihood of the gold answer, in nats per token, where it was measured:
    it moves before the score does.
    """

    item: str
    prompt: str
    answer: str
    value: float | None
    reason: str
    gold_nll: float | None = None


def silent(done: int, total: int, note: str) -> None:
    """Progress to nobody."""


def audit_items(loaded: LoadedBrief, capability: str) -> tuple[Item, ...]:
    """The items that audits ask; those of the split `traffic` are kept for other uses."""
    items = loaded.items_of(capability, "audit")
    if not items:
        raise BriefError(
            f"capability {capability!r} has no item with split 'audit'",
            hint="Without one neither baseline nor audit can say anything about it.",
        )
    return items
