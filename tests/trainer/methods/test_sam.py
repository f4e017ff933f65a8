from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer.loop.sharding import one_process, shard_free_weights
from tests.trainer.tiny import tiny_base
from trainer.config import LoraSettings, SamSettings
from trainer.methods import lora
from trainer.methods.adapted import spread, whole
from trainer.methods.sam import REUSE, Sam

TOKENS = torch.tensor([[1, 3, 4, 5, 6, 2], [1, 7, 8, 9, 10, 2]])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("sam") / "base")


@pytest.fixture
def model(base: Path) -> Any:
    """The tiny Llama with an adapter whose B is not zero, so that every weight has a gradient."""
    made = lora.add_adapter(lora.load_base(base, "float32"), LoraSettings(rank=2, alpha=2), seed=3)
    generator = torch.Generator().manual_seed(1)
    for name, weight in free(made).items():
        if "lora_B" in name:
            weight.data.copy_(torch.randn(weight.shape, generator=generator) * 0.1)
    return made


def free(model: Any) -> dict[str, torch.nn.Parameter]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def loss(model: Any) -> torch.Tensor:
    return model(input_ids=TOKENS, labels=TOKENS).loss


def backward(model: Any) -> Callable[[], None]:
    return lambda: loss(model).backward()


def flat(tensors: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors]).double()


def plain_gradient(model: Any) -> dict[str, torch.Tensor]:
    names, weights = zip(*free(model).items(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss(model), weights), strict=True))


def gradient(model: Any) -> torch.Tensor:
    return flat([weight.grad for weight in free(model).values()])


def test_the_gradient_is_the_one_at_distance_rho_uphill(model: Any) -> None:
    plain = plain_gradient(model)
    norm = math.sqrt(sum(float((g.double() ** 2).sum()) for g in plain.values()))
    before = {name: weight.detach().clone() for name, weight in free(model).items()}
    for name, weight in free(model).items():
        weight.data.add_(plain[name] * (0.1 / norm))
    expected = flat(list(plain_gradient(model).values()))
    for name, weight in free(model).items():
        weight.data.copy_(before[name])

    loss(model).backward()
    Sam(SamSettings(rho=0.1), model).sharpen(1, backward(model))
    torch.testing.assert_close(gradient(model), expected, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(gradient(model), flat(list(plain.values())), rtol=1e-2)


def test_uphill_is_higher_and_the_weights_come_back_bit_for_bit(model: Any) -> None:
    before = {name: weight.detach().clone() for name, weight in free(model).items()}
    lower = loss(model)
    lower.backward()
    with Sam(SamSettings(rho=0.01), model).uphill():
        assert loss(model) > lower
        moved = [weight - before[name] for name, weight in free(model).items()]
        assert float(flat(moved).norm()) == pytest.approx(0.01, rel=1e-4)
        assert all(weight.grad is None for weight in free(model).values())
    assert all(torch.equal(weight, before[name]) for name, weight in free(model).items())


def test_the_weights_come_back_where_the_second_pass_fails(model: Any) -> None:
    before = flat(list(free(model).values()))
    loss(model).backward()

    def fails() -> None:
        raise RuntimeError("no memory left")

    with pytest.raises(RuntimeError, match="no memory"):
        Sam(SamSettings(rho=0.5), model).sharpen(1, fails)
    assert torch.equal(flat(list(free(model).values())), before)


@pytest.mark.parametrize("fraction", [0.01, 0.25, 0.5])
def test_the_sparse_variant_moves_the_layers_with_the_largest_gradients_only(
    model: Any, fraction: float
) -> None:
    squares: dict[str, float] = {}
    for name, g in plain_gradient(model).items():
        layer = name.split(".lora_")[0]
        squares[layer] = squares.get(layer, 0.0) + float((g.double() ** 2).sum())
    count = math.ceil(fraction * len(squares))
    largest = set(sorted(squares, key=lambda layer: -squares[layer])[:count])
    assert 0 < len(largest) < len(squares) == 14

    before = {name: weight.detach().clone() for name, weight in free(model).items()}
    loss(model).backward()
    with Sam(SamSettings(rho=0.1, layers=fraction), model).uphill():
        moved = {name: weight - before[name] for name, weight in free(model).items()}
    assert {name.split(".lora_")[0] for name, by in moved.items() if by.any()} == largest
    assert float(flat(list(moved.values())).norm()) == pytest.approx(0.1, rel=1e-4)


def test_between_second_gradients_the_orthogonal_part_is_used_again(model: Any) -> None:
    sam = Sam(SamSettings(rho=0.1, every=3), model)
    assert [sam.due(step) for step in range(1, 8)] == [True, False, False, True, False, False, True]

    plain = flat(list(plain_gradient(model).values()))
    loss(model).backward()
    sam.sharpen(1, backward(model))
    sharp = gradient(model)
    orthogonal = sharp - (sharp @ plain) / (plain @ plain) * plain

    for weight in free(model).values():
        weight.grad = None
        weight.data.mul_(1.01)
    loss(model).backward()
    now = gradient(model)
    sam.sharpen(2, lambda: pytest.fail("a second pass between two that are due"))
    expected = now + REUSE * now.norm() / orthogonal.norm() * orthogonal
    torch.testing.assert_close(gradient(model), expected, rtol=1e-3, atol=1e-6)


def test_one_that_goes_on_from_memory_reuses_the_same_direction(model: Any) -> None:
    first, resumed = (Sam(SamSettings(every=2), model) for _ in range(2))
    loss(model).backward()
    first.sharpen(1, backward(model))
    resumed.recall(first.memory())
    made = []
    for sam in (first, resumed):
        for weight in free(model).values():
            weight.grad = torch.ones_like(weight)
        sam.sharpen(2, lambda: pytest.fail("a second pass between two that are due"))
        made.append(gradient(model))
    assert torch.equal(*made)
    assert not torch.equal(made[0], torch.ones_like(made[0]))


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_a_gradient_without_a_direction_moves_nothing(model: Any, value: float) -> None:
    before = flat(list(free(model).values()))
    for weight in free(model).values():
        weight.grad = torch.full_like(weight, value)
    with Sam(SamSettings(), model).uphill():
        assert torch.equal(flat(list(free(model).values())), before)


def test_sharded_weights_climb_the_same_way(model: Any) -> None:
    """Between two due steps as well: norms and products are taken over all shards."""

    def climbs() -> list[torch.Tensor]:
        sam = Sam(SamSettings(rho=0.1, layers=0.3, every=2), model)
        found = []
        for weight, value in zip(free(model).values(), first, strict=True):
            weight.grad = spread(value.clone(), weight)
        with sam.uphill():
            found.append(torch.cat([whole(weight).reshape(-1) for weight in free(model).values()]))

        def second() -> None:
            for weight, value in zip(free(model).values(), other, strict=True):
                weight.grad = spread(value.clone(), weight)

        for step in (1, 2):
            for weight, value in zip(free(model).values(), first, strict=True):
                weight.grad = spread(value.clone(), weight)
            sam.sharpen(step, second)
            gradients = [whole(weight.grad) for weight in free(model).values() if weight.grad is not None]
            found.append(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        return found

    generator = torch.Generator().manual_seed(9)
    shapes = [weight.shape for weight in free(model).values()]
    first, other = ([torch.randn(shape, generator=generator) for shape in shapes] for _ in range(2))
    expected = climbs()
    with one_process() as mesh:
        shard_free_weights(model, mesh)
        for found, wanted in zip(climbs(), expected, strict=True):
            torch.testing.assert_close(found, wanted)
