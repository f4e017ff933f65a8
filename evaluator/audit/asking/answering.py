"""Who answers a measure's items: a served model behind the cache, or what was recorded of base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

from pydantic import ValidationError

from evaluator.audit.asking.answer_cache import AnswerCache, key_of
from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.measures.judged import ItemsUnjudged
from evaluator.audit.measures.measure import Measure, ServedModel
from telemetry.errors import BaselineError, InfrastructureError
from telemetry.events import Value


class Conditions(Value):
    """What a model's answers depend on besides what it is asked. Temperature 0 is greedy decoding."""

    model_sha256: str
    engine_version: str
    temperature: float = 0.0


class Answers(Protocol):
    """One arm of an audit. `asked` counts the items that a model answered for it, `reused` those that were known."""

    @property
    def asked(self) -> int:
        """Items answered by a model."""
        ...

    @property
    def reused(self) -> int:
        """Items known before."""
        ...

    def answers(self, measure: Measure, ids: Sequence[str]) -> list[ItemAnswer]:
        """The arm's answers to these items, in the order of `ids`."""
        ...


@dataclass
class CachedModel:
    """A served model. What the cache has is not asked again; what is asked is kept as soon as it is answered.

    An item that could not be judged is not kept: it is asked again next time, and its answer is known then. `asked`
    and `reused` count items. Used by any number of threads, as far as its measures allow.
    """

    model: ServedModel
    conditions: Conditions
    cache: AnswerCache | None = None
    asked: int = field(default=0, init=False)
    reused: int = field(default=0, init=False)
    _counting: Lock = field(default_factory=Lock, init=False, repr=False)

    def answers(self, measure: Measure, ids: Sequence[str]) -> list[ItemAnswer]:
        """The model's answers to these items, in the order of `ids`. Raises EngineFailed and ItemsUnjudged."""
        keys = {item: self._key(measure, item) for item in ids}
        found = self._kept(keys)
        missing = [item for item in ids if item not in found]
        if missing:
            try:
                fresh = measure.answer(self.model, missing)
            except ItemsUnjudged as failed:
                self._keep(keys, failed.answered)
                raise
            if [answer.item for answer in fresh] != missing:
                raise InfrastructureError(
                    f"{measure.capability}/{measure.name} was asked {len(missing)} items and gave "
                    f"{len(fresh)} answers, or others, or in another order"
                )
            found |= {answer.item: answer for answer in fresh}
            self._keep(keys, fresh)
        with self._counting:
            self.asked += len(missing)
            self.reused += len(ids) - len(missing)
        return [found[item] for item in ids]

    def _key(self, measure: Measure, item: str) -> str:
        return key_of(
            **self.conditions.model_dump(),
            capability=measure.capability,
            measure=measure.name,
            version=measure.version,
            item=item,
        )

    def _keep(self, keys: Mapping[str, str], answers: Sequence[ItemAnswer]) -> None:
        if self.cache is not None:
            self.cache.put({keys[a.item]: a.model_dump(mode="json") for a in answers})

    def _kept(self, keys: Mapping[str, str]) -> dict[str, ItemAnswer]:
        if self.cache is None:
            return {}
        values = self.cache.get(list(keys.values()))
        return {item: kept for item, key in keys.items() if (kept := _read(values.get(key))) is not None}


@dataclass
class RecordedBase:
    """Base as its baseline has it, by (capability, measure) and item; `otherwise` answers what was left for later."""

    known: Mapping[tuple[str, str], Mapping[str, ItemAnswer]]
    otherwise: Answers | None = None
    recorded: int = field(default=0, init=False)
    _counting: Lock = field(default_factory=Lock, init=False, repr=False)

    @property
    def asked(self) -> int:
        """Items that base was asked now."""
        return self.otherwise.asked if self.otherwise else 0

    @property
    def reused(self) -> int:
        """Items that the baseline or the cache knew."""
        return self.recorded + (self.otherwise.reused if self.otherwise else 0)

    def answers(self, measure: Measure, ids: Sequence[str]) -> list[ItemAnswer]:
        """Base's answers, in the order of `ids`. BaselineError where one is not recorded and base is not served."""
        recorded = self.known.get((measure.capability, measure.name), {})
        missing = [item for item in ids if item not in recorded]
        if missing and self.otherwise is None:
            raise BaselineError(
                f"the baseline has no answer of base to {len(missing)} items of {measure.capability}/{measure.name}, "
                "and no base is served that could be asked",
                hint="Record them with `belay baseline` (without --lazy), or serve base too: --base-url.",
            )
        fresh = self.otherwise.answers(measure, missing) if self.otherwise and missing else []
        asked = dict(zip(missing, fresh, strict=True))
        with self._counting:
            self.recorded += len(ids) - len(missing)
        return [recorded[item] if item in recorded else asked[item] for item in ids]


def _read(value: Any) -> ItemAnswer | None:
    """The answer in a cached value; None where it has another shape, as an older version of Belay may have written."""
    try:
        return None if value is None else ItemAnswer.model_validate(value)
    except ValidationError:
        return None
