from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from peft.tuners.osf import OSFLayer

from telemetry.errors import SettingsError
from tests.trainer.methods.test_ewc import by_autograd, gradients, random_fisher
from tests.trainer.tiny import tiny_base
from trainer.config import LoraSettings
from trainer.data.encoding import Example
from trainer.methods import lora
from trainer.methods.adapted import adapted_layers
from trainer.methods.ewc import EwcPenalty
from trainer.methods.modes import as_base

TOKENS = torch.tensor([[1, 3, 4, 5, 6, 2], [1, 7, 8, 9, 10, 2]])
RETENTION = [Example(tuple(row.tolist()), tuple(row.tolist())) for row in TOKENS]
VARIANTS = ["lora", "dora", "rslora", "corda", "osf"]
EXACT = {
    "lora": 0.0,
    "dora": 1e-5,
    "rslora": 0.0,
    "corda": 1e-4,
    "osf": 1e-5,
}  # how far rounding leads at the start


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("variants") / "base")


def adapted(base: Path, variant: str, rank: int = 3, dtype: str = "float32") -> Any:
    settings = LoraSettings(rank=rank, alpha=6, variant=variant)
    return lora.add_adapter(lora.load_base(base, dtype), settings, 5, RETENTION)


def trained(model: Any, steps: int = 6) -> Any:
    free = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(free, lr=0.03)
    for _ in range(steps):
        optimizer.zero_grad()
        model(input_ids=TOKENS, labels=TOKENS).loss.backward()
        optimizer.step()
    return model


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    return model.eval()(input_ids=TOKENS).logits.float()


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_starts_as_base_and_learns_in_float32(base: Path, variant: str) -> None:
    model = adapted(base, variant)
    torch.testing.assert_close(
        logits(model), logits(lora.load_base(base, "float32")), rtol=0, atol=EXACT[variant]
    )
    before = model(input_ids=TOKENS, labels=TOKENS).loss.item()
    assert trained(model)(input_ids=TOKENS, labels=TOKENS).loss.item() < before - 0.01
    free = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert all(weight.dtype == torch.float32 for weight in free.values())
    assert not any("embed" in name or "lm_head" in name for name in free)


@pytest.mark.parametrize("variant", VARIANTS)
def test_on_a_bfloat16_base_the_adapter_is_float32_all_the_same(base: Path, variant: str) -> None:
    model = adapted(base, variant, dtype="bfloat16")
    weights = dict(model.named_parameters())
    assert {w.dtype for w in weights.values() if w.requires_grad} == {torch.float32}
    assert {w.dtype for name, w in weights.items() if "base_layer" in name} == {torch.bfloat16}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_saved_is_an_adapter_to_the_base_as_it_is(base: Path, variant: str, tmp_path: Path) -> None:
    model = trained(adapted(base, variant))
    lora.save_adapter(model, tmp_path / "adapter", "abc")
    again = PeftModel.from_pretrained(lora.load_base(base, "float32"), str(tmp_path / "adapter"))
    torch.testing.assert_close(logits(again), logits(model), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(logits(again), logits(lora.load_base(base, "float32")), atol=1e-2)
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_bytes())
    assert config["base_model_name_or_path"] == "sha256:abc"
    assert config["peft_type"] == "LORA"
    assert {path.name for path in (tmp_path / "adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_corda_takes_out_of_base_what_the_retention_data_use_least(base: Path) -> None:
    """With C the inputs' covariance, ||B0 A0 C|| is what the retention data lose without the removed components.

    No other components of W C of that rank have less: those of the smallest singular values are taken.
    """
    inputs: dict[str, list[torch.Tensor]] = {}
    plain = lora.load_base(base, "float32")
    name = "model.layers.0.mlp.up_proj"
    layer = plain.get_submodule(name)
    layer.register_forward_hook(lambda _m, given, _o: inputs.setdefault(name, []).append(given[0][0]))
    with torch.no_grad():
        for row in TOKENS:
            plain(input_ids=row[None])
    scaled = [given / given.max().abs() for given in inputs[name]]
    covariance = sum((given.T @ given for given in scaled), torch.zeros(16, 16)) / len(scaled)
    damped = covariance + 0.01 * covariance.diag().mean() * torch.eye(16)
    smallest = torch.linalg.svdvals(layer.weight.detach() @ damped)[-3:]

    adapter = next(found for found in adapted_layers(adapted(base, "corda")) if found.name == name)
    removed = adapter.scaling * (adapter.b @ adapter.a).detach()
    taken = torch.linalg.svdvals(removed @ damped)[:3]
    torch.testing.assert_close(taken, smallest, rtol=2e-2, atol=1e-5)
    torch.testing.assert_close(adapter.base.weight + removed, layer.weight, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", ["lora", "corda"])
def test_a_trained_model_answers_as_base_while_asked_to(base: Path, variant: str) -> None:
    model = trained(adapted(base, variant))
    before = logits(model)
    with as_base(model):
        torch.testing.assert_close(logits(model), logits(lora.load_base(base, "float32")), rtol=0, atol=1e-4)
    assert torch.equal(logits(model), before)


def test_corda_without_retention_data_is_refused(base: Path) -> None:
    with pytest.raises(SettingsError, match="retention data"):
        lora.add_adapter(lora.load_base(base, "float32"), LoraSettings(variant="corda"), 1)


@pytest.mark.parametrize("storage", ["bfloat16", "factored"])
def test_the_ewc_penalty_of_corda_is_on_the_change_from_where_it_started(base: Path, storage: str) -> None:
    model = adapted(base, "corda")
    fisher = random_fisher(model, storage)
    assert EwcPenalty(fisher, 1.0, model).after_backward() == pytest.approx(0.0, abs=1e-8)
    for layer in adapted_layers(model):
        layer.a.grad = layer.b.grad = None
        layer.a.data += 0.3 * torch.randn(layer.a.shape)
        layer.b.data += 0.3 * torch.randn(layer.b.shape)
    value, expected = by_autograd(model, fisher, 1.0)
    assert value > 1e-4
    assert EwcPenalty(fisher, 1.0, model).after_backward() == pytest.approx(value, rel=1e-3)
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(
            gradient, expected[name], rtol=1e-3, atol=1e-4 * float(expected[name].norm())
        )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_osf_trains_the_smallest_components_and_leaves_the_largest(base: Path, dtype: str) -> None:
    model = adapted(base, "osf", dtype=dtype)
    layers = {name: module for name, module in model.named_modules() if isinstance(module, OSFLayer)}
    assert len(layers) == 14
    for module in layers.values():
        factors = module.osf_svd_params["default"]
        assert factors["U_low"].shape[1] == 3
        spectrum = torch.linalg.svdvals(module.get_base_layer().weight.detach().float())
        torch.testing.assert_close(factors["S_low"].detach(), spectrum[-3:], rtol=1e-3, atol=1e-5)
    model(input_ids=TOKENS, labels=TOKENS).loss.backward()
    for module in layers.values():
        weight = module.get_base_layer().weight.detach().float()
        left, _, right = torch.linalg.svd(weight, full_matrices=False)
        factors = module.osf_svd_params["default"]
        for gradient, fixed in (
            (factors["U_low"].grad, left[:, :-3]),
            (factors["V_low"].grad.T, right[:-3].T),
        ):
            assert float((fixed.T @ gradient).norm()) < 1e-4 * float(gradient.norm()) + 1e-7


def test_osf_of_a_rank_that_no_layer_has_trains_what_there_is(base: Path, tmp_path: Path) -> None:
    model = trained(adapted(base, "osf", rank=12))  # k_proj and v_proj have 8 rows
    lora.save_adapter(model, tmp_path / "adapter", "abc")
    again = PeftModel.from_pretrained(lora.load_base(base, "float32"), str(tmp_path / "adapter"))
    torch.testing.assert_close(logits(again), logits(model), rtol=1e-4, atol=1e-4)


def test_targets_that_name_no_layer_are_told(base: Path) -> None:
    settings = LoraSettings(variant="osf", targets=("w_proj",))
    with pytest.raises(SettingsError, match="w_proj"):
        lora.add_adapter(lora.load_base(base, "float32"), settings, 1)
