from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import PeftModel

from telemetry.errors import SettingsError
from tests.trainer.tiny import tiny_base
from trainer import lora
from trainer.adapted import adapted_layers
from trainer.combine import combine_adapters
from trainer.config import LoraSettings


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("combine") / "base")


def adapter(base: Path, folder: Path, seed: int, **settings: object) -> Path:
    given = {"rank": 2 + seed, "alpha": 4, **settings}
    model = lora.add_adapter(lora.load_base(base, "float32"), LoraSettings.model_validate(given), seed)
    generator = torch.Generator().manual_seed(seed)
    for layer in adapted_layers(model):
        layer.b.data.copy_(torch.randn(layer.b.shape, generator=generator))
    lora.save_adapter(model, folder, "abc")
    return folder


def changes(base: Path, folder: Path) -> dict[str, torch.Tensor]:
    model = PeftModel.from_pretrained(lora.load_base(base, "float32"), str(folder))
    return {layer.name: (layer.scaling * layer.b @ layer.a).detach() for layer in adapted_layers(model)}


def ties(deltas: list[torch.Tensor], weights: list[float], density: float) -> torch.Tensor:
    """TIES by hand: trim each, elect the sign of the larger total, sum what agrees over how many agree."""
    trimmed = []
    for delta, weight in zip(deltas, weights, strict=True):
        count = int(density * delta.numel())
        smallest = delta.abs().flatten().sort(descending=True).values[count - 1]
        trimmed.append(weight * torch.where(delta.abs() >= smallest, delta, 0.0))
    stacked = torch.stack(trimmed)
    agrees = (stacked.sign() == stacked.sum(0).sign()) & (stacked != 0)
    return torch.where(agrees, stacked, 0.0).sum(0) / agrees.sum(0).clamp_min(1)


@pytest.mark.parametrize("variants", [("lora", "lora"), ("rslora", "lora"), ("lora", "rslora")])
def test_arithmetic_is_the_weighted_sum_of_the_changes(
    base: Path, tmp_path: Path, variants: tuple[str, str]
) -> None:
    folders = [adapter(base, tmp_path / f"a{i}", i, variant=v) for i, v in enumerate(variants)]
    made = combine_adapters(lora.load_base(base, "float32"), folders, [0.7, -0.4])
    lora.save_adapter(made, tmp_path / "made", "abc")
    one, other = (changes(base, folder) for folder in folders)
    for name, found in changes(base, tmp_path / "made").items():
        torch.testing.assert_close(found, 0.7 * one[name] - 0.4 * other[name], rtol=1e-4, atol=1e-5)


def test_ties_is_done_on_the_changes_and_brought_to_the_rank_in_the_best_way(
    base: Path, tmp_path: Path
) -> None:
    folders = [adapter(base, tmp_path / f"a{i}", i) for i in range(2)]
    made = combine_adapters(lora.load_base(base, "float32"), folders, [1.0, 1.0], "ties", density=0.5)
    lora.save_adapter(made, tmp_path / "made", "abc")
    one, other = (changes(base, folder) for folder in folders)
    for name, found in changes(base, tmp_path / "made").items():
        u, s, v = torch.linalg.svd(ties([one[name], other[name]], [1.0, 1.0], 0.5), full_matrices=False)
        best = u[:, :5] @ torch.diag(s[:5]) @ v[:5]
        torch.testing.assert_close(found, best, rtol=1e-3, atol=1e-4)


def test_what_cannot_be_combined_is_refused(base: Path, tmp_path: Path) -> None:
    one = adapter(base, tmp_path / "a", 1)
    with pytest.raises(SettingsError, match="1 adapters and 2 weights"):
        combine_adapters(lora.load_base(base, "float32"), [one], [1.0, 1.0])
    dora = adapter(base, tmp_path / "d", 1, variant="dora")
    with pytest.raises(SettingsError, match="dora"):
        combine_adapters(lora.load_base(base, "float32"), [one, dora], [1.0, 1.0])
