from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed.tensor import DTensor, Shard

from telemetry.errors import SettingsError
from tests.trainer.loop.sharding import one_process, shard_free_weights
from tests.trainer.tiny import tiny_base
from trainer.config import LoraSettings
from trainer.methods import ewc as ewc_module
from trainer.methods import lora
from trainer.methods.adapted import adapted_layers
from trainer.methods.ewc import EwcPenalty
from trainer.methods.fisher import Diagonal, Factors, Fisher


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("ewc") / "base")


def adapted(base: Path, **settings: Any) -> Any:
    """The tiny Llama with an adapter whose A and B are both random."""
    made = lora.add_adapter(lora.load_base(base, "float32"), LoraSettings(rank=3, **settings), seed=3)
    generator = torch.Generator().manual_seed(1)
    for name, weight in made.named_parameters():
        if "lora_B" in name:
            weight.data.copy_(torch.randn(weight.shape, generator=generator))
    return made


def random_fisher(model: Any, storage: str) -> Fisher:
    generator = torch.Generator().manual_seed(2)

    def diagonal(out: int, inside: int) -> Diagonal:
        if storage == "factored":
            return Factors(torch.rand(out, generator=generator), torch.rand(inside, generator=generator))
        return torch.rand(out, inside, generator=generator).to(torch.bfloat16)

    return Fisher({layer.name: diagonal(*layer.base.weight.shape) for layer in adapted_layers(model)})


def by_autograd(model: Any, fisher: Fisher, strength: float) -> tuple[float, dict[str, torch.Tensor]]:
    """The penalty as its formula stands, in float64, and what autograd makes of it."""
    total = torch.zeros((), dtype=torch.float64)
    factors: dict[str, torch.Tensor] = {}
    for layer in adapted_layers(model):
        a, b = (w.detach().double().requires_grad_() for w in (layer.a, layer.b))
        factors |= {f"{layer.name}.a": a, f"{layer.name}.b": b}
        change = layer.scaling * (b @ a)
        if hasattr(layer.module, "start_of_product"):
            b0, a0 = layer.module.start_of_product
            change = change - layer.scaling * (b0.double() @ a0.double())
        diagonal = fisher.layers[layer.name]
        if isinstance(diagonal, Factors):
            diagonal = torch.outer(diagonal.rows.double(), diagonal.columns.double())
        total = total + strength / 2 * (diagonal.double() * change**2).sum()
    gradients = torch.autograd.grad(total, list(factors.values()))
    return total.item(), dict(zip(factors, gradients, strict=True))


def gradients(model: Any) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for layer in adapted_layers(model):
        assert layer.a.grad is not None
        assert layer.b.grad is not None
        found |= {f"{layer.name}.a": layer.a.grad.double(), f"{layer.name}.b": layer.b.grad.double()}
    return found


@pytest.mark.parametrize("variant", ["lora", "rslora"])
@pytest.mark.parametrize("storage", ["bfloat16", "factored"])
@pytest.mark.parametrize("block", [1 << 20, 40])
def test_value_and_gradient_are_those_of_the_formula(
    base: Path, variant: str, storage: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ewc_module, "_BLOCK", block)  # 40: two rows at a time, as for large layers
    model = adapted(base, variant=variant)
    fisher = random_fisher(model, storage)
    value, expected = by_autograd(model, fisher, 0.7)
    assert EwcPenalty(fisher, 0.7, model).after_backward() == pytest.approx(value, rel=1e-5)
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(
            gradient, expected[name], rtol=1e-4, atol=1e-5 * float(expected[name].norm())
        )


def test_it_is_added_to_the_gradient_of_the_loss(base: Path) -> None:
    model = adapted(base)
    fisher = random_fisher(model, "factored")
    _, expected = by_autograd(model, fisher, 2.0)
    for layer in adapted_layers(model):
        layer.a.grad, layer.b.grad = torch.ones_like(layer.a), torch.ones_like(layer.b)
    EwcPenalty(fisher, 2.0, model).after_backward()
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(gradient - 1, expected[name], rtol=1e-4, atol=1e-4)


def test_what_does_not_change_the_product_costs_nothing(base: Path) -> None:
    """A and B may be exchanged for other factors of the same product: the penalty stays."""
    model = adapted(base)
    fisher = random_fisher(model, "bfloat16")
    before = EwcPenalty(fisher, 1.0, model).after_backward()
    for layer in adapted_layers(model):
        layer.a.data.mul_(5.0)
        layer.b.data.div_(5.0)
    assert EwcPenalty(fisher, 1.0, model).after_backward() == pytest.approx(before, rel=1e-5)


def test_with_a_matrix_the_layers_take_turns_and_with_factors_all_are_exact(base: Path) -> None:
    model = adapted(base)
    layers = list(adapted_layers(model))

    def changed_after_each_step(penalty: EwcPenalty) -> list[set[str]]:
        """Which layers' gradients follow a change of their weights, step by step."""
        penalty.after_backward()
        seen = []
        for _ in range(4):
            before = {layer.name: layer.b.grad.clone() for layer in layers if layer.b.grad is not None}
            for layer in layers:
                layer.b.data.mul_(1.1)
                layer.b.grad = None
            penalty.after_backward()
            now = {layer.name: layer.b.grad for layer in layers}
            seen.append({name for name, grad in now.items() if not torch.equal(grad, before[name])})  # type: ignore[arg-type]
        return seen

    for layer in layers:
        layer.a.grad = layer.b.grad = None
    turns = changed_after_each_step(EwcPenalty(random_fisher(model, "bfloat16"), 1.0, model))
    assert all(3 <= len(turn) <= 4 for turn in turns)
    assert set.union(*turns) == {layer.name for layer in layers}

    for layer in layers:
        layer.a.grad = layer.b.grad = None
    all_exact = changed_after_each_step(EwcPenalty(random_fisher(model, "factored"), 1.0, model))
    assert all(turn == {layer.name for layer in layers} for turn in all_exact)


def test_a_penalty_that_goes_on_from_memory_adds_the_same_gradients(base: Path) -> None:
    one, other = (adapted(base) for _ in range(2))
    fisher = random_fisher(one, "bfloat16")
    whole, first = EwcPenalty(fisher, 1.0, one), EwcPenalty(fisher, 1.0, other)
    values = []
    for step in range(6):
        if step == 3:
            resumed = EwcPenalty(fisher, 1.0, other)
            resumed.recall(first.memory())
            first = resumed
        for model, penalty in ((one, whole), (other, first)):
            for layer in adapted_layers(model):
                layer.b.data.mul_(1.1)
                layer.a.grad = layer.b.grad = None
            values.append(penalty.after_backward())
        assert values[-1] == values[-2]
        expected, found = gradients(one), gradients(other)
        assert all(torch.equal(found[name], gradient) for name, gradient in expected.items())


def test_a_fisher_of_other_layers_or_shapes_is_refused(base: Path) -> None:
    model = adapted(base)
    fisher = random_fisher(model, "bfloat16")
    name = "model.layers.0.mlp.up_proj"
    less = Fisher({key: value for key, value in fisher.layers.items() if key != name})
    with pytest.raises(SettingsError, match=f"{name}; the sidecar has none"):
        EwcPenalty(less, 1.0, model)
    other = Fisher(fisher.layers | {name: torch.ones(2, 2)})
    with pytest.raises(SettingsError, match=r"shape \(24, 16\)"):
        EwcPenalty(other, 1.0, model)


def test_a_weight_decomposed_adapter_is_refused(base: Path) -> None:
    model = adapted(base, variant="dora")
    with pytest.raises(SettingsError, match="weight-decomposed"):
        EwcPenalty(Fisher({}), 1.0, model)


def test_a_model_without_an_adapter_is_refused(base: Path) -> None:
    with pytest.raises(SettingsError, match="no low-rank adapter"):
        EwcPenalty(Fisher({}), 1.0, lora.load_base(base, "float32"))


def test_sharded_weights_get_the_same_gradient_in_their_own_layout(base: Path) -> None:
    model = adapted(base)
    fisher = random_fisher(model, "factored")
    EwcPenalty(fisher, 1.0, model).after_backward()
    expected = gradients(model)
    with one_process() as mesh:
        shard_free_weights(model, mesh)
        EwcPenalty(fisher, 1.0, model).after_backward()
        for layer in adapted_layers(model):
            for part, weight in (("a", layer.a), ("b", layer.b)):
                assert isinstance(weight.grad, DTensor)
                assert weight.grad.placements == weight.placements == (Shard(0),)
                whole = weight.grad.full_tensor().double()
                torch.testing.assert_close(whole, expected[f"{layer.name}.{part}"])
