"""Recorded answers: base's score on every item of a set, as one full lm-eval run gave it, kept between runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from _audit.peer import FullRun
from _audit.sets import TestSet, fingerprint
from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.measures.measure import Measure, MeasureItem, ServedModel
from telemetry.files import write_renamed


@dataclass(frozen=True, slots=True)
class Recorded:
    """Base on one set. `values` and `calls` (requests to the model) are by item, in the order of `ids`.

    `fingerprint` is that of the set (`_audit.sets.fingerprint`), `version` the measure's. `clusters` are the passages
    that items share; `seconds` is how long the full run took, under `conditions`.
    """

    name: str
    fingerprint: str
    version: str
    base_sha256: str
    chance: float
    threshold: float
    ids: tuple[str, ...]
    clusters: tuple[str | None, ...]
    values: tuple[float, ...]
    calls: tuple[int, ...]
    seconds: float
    conditions: str

    @property
    def accuracy(self) -> float:
        """Base's mean score."""
        return sum(self.values) / len(self.values)

    @property
    def all_calls(self) -> int:
        """Requests of one full run."""
        return sum(self.calls)


def bind(
    one: TestSet, mark: str, measure: Measure, base_sha256: str, run: FullRun, conditions: str
) -> Recorded:
    """Bind a full run's scores to the items of the measure that asks the same task item by item."""
    if len(run.values) != len(measure.items):
        raise ValueError(f"{one.task}: lm-eval scored {len(run.values)} items of {len(measure.items)}")
    return Recorded(
        name=one.name,
        fingerprint=mark,
        version=measure.version,
        base_sha256=base_sha256,
        chance=measure.chance,
        threshold=one.threshold,
        ids=tuple(item.id for item in measure.items),
        clusters=tuple(item.cluster for item in measure.items),
        values=run.values,
        calls=run.calls,
        seconds=run.seconds,
        conditions=conditions,
    )


def save(recorded: Recorded, folder: Path) -> None:
    """Keep it as `<folder>/<set>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_renamed(folder / f"{recorded.name}.json", json.dumps(asdict(recorded)).encode())


def load(folder: Path, one: TestSet, data: Path | None) -> Recorded | None:
    """What was recorded of a set; None where nothing was, or where the set has changed since, as far as one can see."""
    file = folder / f"{one.name}.json"
    if not file.is_file():
        return None
    try:
        fields = json.loads(file.read_bytes())
        found = Recorded(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
    except (ValueError, TypeError):
        return None  # an older version of this benchmark wrote it
    changed = data is not None and found.fingerprint != fingerprint(one, data)
    return None if changed or found.threshold != one.threshold else found


class RecordedMeasure:
    """A recorded set as a measure: it has the items and the terms, its answers come from `RecordedAnswers`."""

    def __init__(self, recorded: Recorded) -> None:
        self.capability = self.name = recorded.name
        self.version, self.threshold, self.chance = recorded.version, recorded.threshold, recorded.chance
        self.items = tuple(MeasureItem(i, c) for i, c in zip(recorded.ids, recorded.clusters, strict=True))

    def answer(self, model: ServedModel, ids: Sequence[str]) -> Sequence[ItemAnswer]:
        """Recorded answers are no model's to give."""
        raise TypeError(
            f"{self.name} is recorded: ask RecordedAnswers, not {model.name}, of {len(ids)} items"
        )


class RecordedAnswers:
    """An arm that answers as base did. `calls` counts the requests that a model would have had to answer."""

    reused = 0

    def __init__(self, recorded: Sequence[Recorded]) -> None:
        self._values = {r.name: dict(zip(r.ids, r.values, strict=True)) for r in recorded}
        self._calls = {r.name: dict(zip(r.ids, r.calls, strict=True)) for r in recorded}
        self.asked = self.calls = 0

    def answers(self, measure: Measure, ids: Sequence[str]) -> list[ItemAnswer]:
        """Base's answers to these items, in the order of `ids`."""
        values, calls = self._values[measure.name], self._calls[measure.name]
        self.asked += len(ids)
        self.calls += sum(calls[i] for i in ids)
        return [ItemAnswer(item=i, prompt="", answer="", value=values[i], reason="recorded") for i in ids]
