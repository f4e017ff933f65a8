"""The merge of a trained adapter: searched only where there is a choice, and the model written at what it chose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from tests.trainer.tiny import tiny_base
from trainer.config import LoraSettings, TrainSettings
from trainer.merging.search import Asking, merge_searched
from trainer.methods import lora
from trainer.scoring.checkpoints import CapabilityScore, Evaluation


@pytest.fixture
def settings(tmp_path: Path) -> TrainSettings:
    return TrainSettings(base=tiny_base(tmp_path / "base"), data=tmp_path, output=tmp_path / "c", name="c")


@pytest.fixture
def adapter(settings: TrainSettings, tmp_path: Path) -> Path:
    """One that moves every layer it lies on."""
    model = lora.add_adapter(lora.load_base(settings.base, "float32"), LoraSettings(rank=2), 0, ())
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data.fill_(0.1)
    lora.save_adapter(model, tmp_path / "adapter", "0" * 64)
    return tmp_path / "adapter"


def searched(settings: TrainSettings, weights: tuple[float, ...]) -> TrainSettings:
    return settings.model_copy(
        update={"merge": settings.merge.model_copy(update={"weights": weights, "method": "linear"})}
    )


def losing(beyond: int) -> tuple[list[Any], Asking]:
    """A suite in which the adjacent capability is lost with the first `beyond` models that are asked."""
    asked: list[Any] = []

    def evaluate(model: Any) -> Evaluation:
        asked.append(model)
        kept = 1.0 if len(asked) > beyond else 0.0
        score = {"threshold": 0.1, "n": 8, "base": 1.0, "verdict": "inconclusive"}
        return Evaluation(
            step=1,
            capabilities=(
                CapabilityScore(name="t", role="target", candidate=1.0, **score),
                CapabilityScore(name="a", role="adjacent", candidate=kept, **score),
            ),
        )

    return asked, evaluate


def test_one_weight_leaves_nothing_to_ask(settings: TrainSettings, adapter: Path, tmp_path: Path) -> None:
    def nobody() -> Asking:
        raise AssertionError("base was asked the suite for nothing")

    found = merge_searched(searched(settings, (1.0,)), adapter, tmp_path / "c", tmp_path / "scratch", nobody)
    assert (found.weights, found.kept_all, found.trials) == ((1.0,), None, ())
    assert not (tmp_path / "scratch").exists()


def test_the_model_is_written_at_the_weights_that_the_search_chose(
    settings: TrainSettings, adapter: Path, tmp_path: Path
) -> None:
    asked, evaluate = losing(beyond=1)
    two = searched(settings, (0.5, 1.0))
    found = merge_searched(two, adapter, tmp_path / "c", tmp_path / "scratch", lambda: evaluate)
    assert (found.weights, found.kept_all, len(asked)) == ((0.5,), True, 2)
    merge_searched(
        searched(settings, (0.5,)), adapter, tmp_path / "half", tmp_path / "scratch", lambda: evaluate
    )
    written, half = (load_file(tmp_path / name / "model.safetensors") for name in ("c", "half"))
    assert all(written[name].equal(half[name]) for name in half)
    assert list((tmp_path / "scratch").iterdir()) == []
