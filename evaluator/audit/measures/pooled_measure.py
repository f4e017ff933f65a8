"""Several measures as one: a benchmark that is a group of tasks, tested against one threshold.

MMLU by subject has a hundred items a task, of which no method could tell that a drop stays within two points. The
threshold is meant for the whole, so the items of all tasks are met in one random order: each counts the same, as in
lm-eval's own figure of the group. Whoever relies on one subject names its task.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.measures.measure import Measure, MeasureItem, ServedModel
from telemetry.errors import BriefError

AT_ONCE: Final = 8
"""Parts asked at a time: of a chunk each has an item or two, which alone would leave the engine idle."""


class PooledMeasure:
    """`parts` of one capability and threshold, under one name. `chance` is theirs, weighted by items.

    BriefError where two parts have an item of the same id.
    """

    def __init__(self, name: str, parts: Sequence[Measure]) -> None:
        first = parts[0]
        self.name, self.capability, self.threshold = name, first.capability, first.threshold
        self._part_of = {item.id: part for part in parts for item in part.items}
        self.items = tuple(
            MeasureItem(item.id, None if item.cluster is None else f"{part.name}/{item.cluster}")
            for part in parts
            for item in part.items
        )
        if len(self._part_of) != len(self.items):
            raise BriefError(f"the tasks of {name!r} have items with the same id")
        self.chance = sum(part.chance * len(part.items) for part in parts) / len(self.items)
        said = "\n".join(f"{part.name} {part.version}" for part in parts)
        self.version = hashlib.sha256(said.encode()).hexdigest()[:12]

    def answer(self, model: ServedModel, ids: Sequence[str]) -> Sequence[ItemAnswer]:
        """Ask each part its items of `ids`; the answers in the order of `ids`. Raises EngineFailed."""
        asked: dict[str, tuple[Measure, list[str]]] = {}
        for item in ids:
            part = self._part_of[item]
            asked.setdefault(part.name, (part, []))[1].append(item)
        with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="pooled") as threads:
            answers = threads.map(lambda one: one[0].answer(model, one[1]), asked.values())
            found = {answer.item: answer for part in answers for answer in part}
        return [found[item] for item in ids]
