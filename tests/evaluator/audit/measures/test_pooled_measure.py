"""Several tasks as one measure: every item of every part, asked of the part that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.measures.measure import ServedModel
from evaluator.audit.measures.pooled_measure import PooledMeasure
from telemetry.errors import BriefError, EngineFailed
from tests.evaluator.support.measures import Scripted

MODEL = ServedModel("http://nowhere", "m", "m", Path("nowhere"), lambda _turns, _tokens: [])


class Part(Scripted):
    """A task that says which items it was asked."""

    @property
    def items(self):
        return tuple(replace(item, id=f"{self.name}-{item.id}") for item in super().items)

    def answer(self, model: ServedModel, ids: Sequence[str]) -> Sequence[ItemAnswer]:  # noqa: ARG002
        if self.version == "broken":
            raise EngineFailed("the engine died")
        assert all(item.startswith(f"{self.name}-") for item in ids)
        return [ItemAnswer(item=i, prompt="", answer=self.name, value=1.0, reason="") for i in ids]


def pooled(*parts: Part) -> PooledMeasure:
    return PooledMeasure("mmlu", parts)


ANATOMY, LAW = Part("facts", 30, name="anatomy", chance=0.25), Part("facts", 90, name="law", chance=0.5)


def test_it_has_every_item_and_asks_each_of_its_own_part_in_the_order_given() -> None:
    whole = pooled(ANATOMY, LAW)
    ids = [item.id for item in whole.items]
    assert len(ids) == 120
    mixed = ids[::-7]
    answers = whole.answer(MODEL, mixed)
    assert [a.item for a in answers] == mixed
    assert all(a.item.startswith(a.answer) for a in answers)


def test_chance_is_that_of_its_items_and_the_version_that_of_its_parts() -> None:
    whole = pooled(ANATOMY, LAW)
    assert whole.chance == pytest.approx((30 * 0.25 + 90 * 0.5) / 120)
    assert whole.version == pooled(ANATOMY, LAW).version
    assert whole.version != pooled(ANATOMY, replace(LAW, version="2")).version


def test_clusters_of_different_parts_stay_apart() -> None:
    whole = pooled(replace(ANATOMY, size=3), replace(LAW, size=3))
    assert len({item.cluster for item in whole.items}) == 10 + 30


def test_items_with_the_same_id_are_refused_and_a_failing_part_is_an_error() -> None:
    with pytest.raises(BriefError, match="same id"):
        pooled(ANATOMY, ANATOMY)
    broken = pooled(ANATOMY, replace(LAW, version="broken"))
    with pytest.raises(EngineFailed):
        broken.answer(MODEL, [item.id for item in broken.items])
