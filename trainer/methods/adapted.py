"""Which of a model's layers carry an adapter, and what it adds to them.

The weight change of one adapted layer is s * B A, with A (rank, in), B (out, rank) and the scaling s. Where the
adapter did not start at zero (CorDA), it is s * (B A - B0 A0), with B0 and A0 as they were at the start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from peft.tuners.lora import LoraLayer
from torch.distributed.tensor import DTensor, Replicate, distribute_tensor

from telemetry.errors import SettingsError

ADAPTER: Final = "default"  # the name under which peft keeps the one adapter that is trained
START: Final = "start_of_product"  # attribute of a layer whose adapter did not start at zero: B0 and A0
_WRAPPED = re.compile(r"^(?:module\.|_orig_mod\.)*base_model\.model\.")


@dataclass(frozen=True, slots=True)
class Adapted:
    """One adapted linear layer under its name in the base model, such as `model.layers.0.mlp.up_proj`."""

    name: str
    module: Any

    @property
    def base(self) -> torch.nn.Linear:
        """The layer of the base model, frozen."""
        layer: torch.nn.Linear = self.module.get_base_layer()
        return layer

    @property
    def a(self) -> torch.nn.Parameter:
        """A, of shape (rank, in)."""
        weight: torch.nn.Parameter = self.module.lora_A[ADAPTER].weight
        return weight

    @property
    def b(self) -> torch.nn.Parameter:
        """B, of shape (out, rank)."""
        weight: torch.nn.Parameter = self.module.lora_B[ADAPTER].weight
        return weight

    @property
    def scaling(self) -> float:
        """The factor on the product: alpha / rank, or alpha / sqrt(rank) with rsLoRA."""
        return float(self.module.scaling[ADAPTER])

    def change(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Left (out, k) and right (k, in), whose product times the scaling is the change of the layer's weight.

        Their first `rank` columns and rows are B and A; what follows, if anything, is fixed.
        """
        left, right = whole(self.b), whole(self.a)
        start = getattr(self.module, START, None)
        if start is None:
            return left, right
        b0, a0 = (factor.to(left.device) for factor in start)
        return torch.cat((left, -b0), dim=1), torch.cat((right, a0), dim=0)

    @property
    def is_dora(self) -> bool:
        """Whether the layer is weight-decomposed: then the product is not its weight change."""
        return len(self.module.lora_magnitude_vector) > 0


def adapted_layers(model: Any) -> Iterator[Adapted]:
    """Every layer that has a low-rank adapter, in the model's order; `model` is peft's, wrapped or not."""
    for name, module in model.named_modules():
        if isinstance(module, LoraLayer):
            yield Adapted(base_name(name), module)


def low_rank_layers(model: Any, why: str) -> list[Adapted]:
    """The adapted layers whose weight change is s * B A. Raises SettingsError, with `why`, where there are none."""
    layers = list(adapted_layers(model))
    if not layers or any(layer.is_dora for layer in layers):
        found = "a weight-decomposed adapter (dora)" if layers else "no low-rank adapter"
        raise SettingsError(
            f"{why} needs an adapter whose weight change is the product BA; the model has {found}",
            hint="Use lora.variant lora, rslora, corda or oplora.",
        )
    return layers


def base_name(name: str) -> str:
    """A module's name in the base model, without what peft and accelerate put before it."""
    return _WRAPPED.sub("", name)


def whole(weight: torch.Tensor) -> torch.Tensor:
    """The weight as one tensor, gathered where FSDP has spread it over processes; without autograd."""
    detached = weight.detach()
    return detached.full_tensor() if isinstance(detached, DTensor) else detached


def spread(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Values that every process has whole, on the device of `like` and over processes as it is."""
    moved = values.to(like.device)
    return distribute_tensor(moved, like.device_mesh, like.placements) if isinstance(like, DTensor) else moved


def add_gradient(weight: torch.nn.Parameter, gradient: torch.Tensor, factor: float) -> None:
    """Add `factor * gradient`, which every process has whole, to the weight's gradient."""
    if isinstance(weight, DTensor):
        mesh = weight.device_mesh
        everywhere = DTensor.from_local(gradient, mesh, [Replicate()] * mesh.ndim, run_check=False)
        gradient = everywhere.redistribute(mesh, weight.placements)
    if weight.grad is None:
        weight.grad = torch.zeros_like(weight)
    weight.grad.add_(gradient, alpha=factor)
