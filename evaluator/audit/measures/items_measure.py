"""The brief's own items as a measure: one prompt, one answer, judged as traffic is judged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from evaluator.audit.measures.answers import ItemAnswer, audit_items
from evaluator.audit.measures.judged import judged
from evaluator.audit.measures.measure import MeasureItem, ServedModel
from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.judge import code_sha256, fingerprint, judge_many
from evaluator.judge.judges.scorer import Judging
from telemetry.errors import InfrastructureError
from telemetry.events import Message

ITEMS: Final = "items"
"""What a capability's measure by the brief's own items is called."""


class ItemsMeasure:
    """The audit items of one capability, asked of a model in the brief's words and judged by the brief's judge.

    BriefError where the capability has none. Both arms may be asked at once where the judge allows it.
    """

    name = ITEMS

    def __init__(self, loaded: LoadedBrief, capability: str, judge: Judging) -> None:
        found = loaded.brief.capability(capability)
        self.capability, self.threshold, self.chance = found.name, found.threshold, found.chance
        self._judge, self._max_tokens, self._system = judge, found.max_tokens, loaded.brief.system_prompt
        self._items = {item.id: item for item in audit_items(loaded, capability)}
        self.items = tuple(MeasureItem(item.id, item.cluster) for item in self._items.values())
        asked = [item.model_dump(mode="json") for item in self._items.values()]
        said = [asked, fingerprint(found.judge), self._max_tokens, self._system, code_sha256()]
        self.version = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:12]

    def answer(self, model: ServedModel, ids: Sequence[str]) -> Sequence[ItemAnswer]:
        """Ask `model` these items and judge its answers, in the order of `ids`. EngineFailed, ItemsUnjudged."""
        system = [Message(role="system", content=self._system)] if self._system else []
        items = [self._items[i] for i in ids]
        turns = [[*system, Message(role="user", content=item.prompt)] for item in items]
        answers = model.chat(turns, self._max_tokens)
        if len(answers) != len(items):
            raise InfrastructureError(
                f"asked {model.name} {len(items)} prompts of {self.capability!r}, got {len(answers)} answers"
            )
        prompts = [item.prompt for item in items]
        found = judge_many(self._judge, self.capability, list(zip(prompts, answers, strict=True)))
        return judged(self.capability, list(zip(ids, prompts, answers, found, strict=True)))
