"""What the trainings of a run share: when base has to answer for it, and what then counts as retention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evaluator.briefs.brief import load_brief
from serving.models.manifest import read_manifest
from serving.progress import silent
from tests.trainer.tiny_shop import tiny_settings, tiny_shop
from trainer.data.reading import read_data
from trainer.loop.stock import Stock, stock_of
from trainer.rehearsing.lazy_base import LazyBase

EWC: dict[str, Any] = {"ewc": {"strength": 1.0}}
REHEARSAL: dict[str, Any] = {"rehearsal": {"share": 0.5, "max_new_tokens": 4}}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_shop(tmp_path_factory.mktemp("shop"))


def stock(shop: Path, folder: Path, **changes: Any) -> Stock:
    settings = tiny_settings(shop, folder / "c", **changes)
    loaded = load_brief(shop / "brief.yaml")
    sha256 = read_manifest(settings.base).sha256
    base = LazyBase(settings.base, sha256, settings.dtype, "cpu", folder / "answers.sqlite")
    return stock_of(settings, loaded, read_data(settings, loaded), base, silent, lambda _: None)


def test_base_answers_nothing_where_no_method_needs_it(shop: Path, tmp_path: Path) -> None:
    made = stock(shop, tmp_path)
    assert (made.rehearsal, made.retention) == (None, ())
    assert not (tmp_path / "answers.sqlite").exists()


def test_a_method_that_measures_retention_measures_it_on_base_and_trains_on_none_of_it(
    shop: Path, tmp_path: Path
) -> None:
    made = stock(shop, tmp_path, **EWC)
    assert [source.name for source in made.sources] == ["target"]
    assert made.rehearsal is None
    exemplars = sum(len(c.exemplars) for c in load_brief(shop / "brief.yaml").brief.capabilities[1:])
    assert len(made.retention) == len(made.only_measured) == exemplars


def test_what_is_rehearsed_is_what_retention_is_measured_on(shop: Path, tmp_path: Path) -> None:
    made = stock(shop, tmp_path, **EWC, **REHEARSAL)
    assert made.only_measured == ()
    rehearsed = [source for source in made.sources if source.rehearsed]
    assert [source.name for source in rehearsed] == ["rehearsal/greetings", "rehearsal/manners"]
    assert made.retention == tuple(example for source in rehearsed for example in source.examples)
