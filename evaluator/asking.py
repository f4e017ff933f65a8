"""Asks a model a brief's audit items and judges what it answers. The same for baseline and audit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evaluator.brief import Capability, LoadedBrief
from evaluator.items import Item
from evaluator.scorer import Judging
from telemetry.errors import BriefError, InfrastructureError
from telemetry.events import Value

Ask = Callable[[Capability, Sequence[str]], Sequence[str]]
"""Asks one model prompts of one capability; the answers in the prompts' order."""

Progress = Callable[[int, int, str], None]
"""Called with (done, total, capability)."""


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


def answer_items(
    loaded: LoadedBrief, ask: Ask, judge: Judging, progress: Progress = silent
) -> dict[str, tuple[ItemAnswer, ...]]:
    """Every capability's audit items, answered by `ask` and judged, in the order of the brief."""
    total = sum(len(audit_items(loaded, c.name)) for c in loaded.brief.capabilities)
    found: dict[str, tuple[ItemAnswer, ...]] = {}
    done = 0
    for capability in loaded.brief.capabilities:
        progress(done, total, capability.name)
        items = audit_items(loaded, capability.name)
        answers = ask(capability, [item.prompt for item in items])
        if len(answers) != len(items):
            raise InfrastructureError(
                f"asked {len(items)} prompts of {capability.name!r}, got {len(answers)} answers"
            )
        found[capability.name] = tuple(
            _judged(capability.name, item, answer, judge) for item, answer in zip(items, answers, strict=True)
        )
        done += len(items)
        progress(done, total, capability.name)
    return found


def _judged(capability: str, item: Item, answer: str, judge: Judging) -> ItemAnswer:
    judgement = judge.judge(capability, item.prompt, answer)
    return ItemAnswer(
        item=item.id, prompt=item.prompt, answer=answer, value=judgement.value, reason=judgement.reason
    )
