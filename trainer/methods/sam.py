"""Sharpness-aware minimisation of the adapter: the gradient is taken uphill, so that flat minima win.

    minimise max over |e| <= rho of L(w + e),    e = rho * g / |g|,    g = grad L(w)

(Foret et al., 2021, arXiv:2010.01412). `layers` below 1 moves only the layers whose gradients are largest, after
the sparse perturbations of Mi et al. (2022, arXiv:2210.05177). Moving fewer layers saves no time by itself, since
the second gradient still costs a forward and a backward pass; `every` does: between two such passes the part of
the uphill gradient that is orthogonal to the plain one is used again (LookSAM, Liu et al., 2022, arXiv:2203.02714).

The loop needs one line after the loss's backward pass, before anything else that changes gradients:

    accelerator.backward(loss)
    if sam is not None:
        sam.sharpen(number, lambda: accelerator.backward(completion_loss(model, batch)))
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch

from trainer.config import SamSettings
from trainer.methods.adapted import spread, whole

REUSE: Final = 0.7  # LookSAM's alpha: the remembered direction's length, relative to the gradient's
_TINY: Final = 1e-12  # a gradient whose norm is below this has no direction
_ADAPTER = re.compile(r"\.(lora|osf)_")  # where a weight's name goes on from its layer's

Weight = torch.nn.Parameter


class Sam:
    """Replaces the gradients of the model's free weights by the sharpness-aware ones.

    Made from the model that the loop runs, after `accelerator.prepare`. Nothing is random. In a data-parallel run
    every process holds the same averaged gradients after backward, and so climbs the same way.
    """

    def __init__(self, settings: SamSettings, model: Any) -> None:
        self._settings = settings
        self._layers = _free_layers(model)
        self._names = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self._direction: dict[Weight, torch.Tensor] = {}

    def due(self, step: int) -> bool:
        """Whether step 1, 2, ... takes a second gradient: steps 1, 1 + every, 1 + 2 every, ..."""
        return (step - 1) % self._settings.every == 0

    def sharpen(self, step: int, backward: Callable[[], None]) -> None:
        """Turn the gradients that lie in `.grad` into sharpness-aware ones.

        `backward` computes the loss of the same batch again and adds its gradients to `.grad`. It is called in
        the steps that are due, and may raise: the weights are back in place then, too.
        """
        if not self.due(step):
            self._reuse()
            return
        plain = self._gradients()
        with self.uphill():
            backward()
        if self._settings.every > 1:
            self._direction = _orthogonal(self._gradients(), plain)

    def memory(self) -> dict[str, torch.Tensor]:
        """What later steps need of the earlier ones, whole, by weight: the remembered direction."""
        return {name: whole(self._direction[w]) for name, w in self._names.items() if w in self._direction}

    def recall(self, memory: dict[str, torch.Tensor]) -> None:
        """Go on with what `memory` gave, in the weights' own order: a sum's rounding depends on it."""
        named = ((name, weight) for name, weight in self._names.items() if name in memory)
        self._direction = {weight: spread(memory[name], weight) for name, weight in named}

    @contextmanager
    def uphill(self) -> Iterator[None]:
        """Within the block the weights stand uphill and have no gradients; after it they are as before.

        The old values are kept and copied back, bit for bit: subtracting what was added would round. Where the
        gradient is zero or no number, no way leads uphill and the weights stay.
        """
        gradients = self._steepest()
        norm = _norm(list(gradients.values()))
        climbs = math.isfinite(norm) and norm > _TINY
        kept = {weight: weight.detach().clone() for weight in gradients} if climbs else {}
        for weight in kept:
            weight.data.add_(gradients[weight], alpha=self._settings.rho / norm)
        for weight in self._gradients():
            weight.grad = None
        try:
            yield
        finally:
            for weight, value in kept.items():
                weight.data.copy_(value)

    def _gradients(self) -> dict[Weight, torch.Tensor]:
        weights = [weight for layer in self._layers.values() for weight in layer]
        return {weight: weight.grad for weight in weights if weight.grad is not None}

    def _steepest(self) -> dict[Weight, torch.Tensor]:
        """The gradients of the `layers` fraction of layers, at least one, whose gradient norms are largest."""
        gradients = self._gradients()
        count = math.ceil(self._settings.layers * len(self._layers))
        if count == len(self._layers):
            return gradients
        norms = {
            name: _norm([gradients[weight] for weight in layer if weight in gradients])
            for name, layer in self._layers.items()
        }
        chosen = sorted(norms, key=lambda name: norms[name], reverse=True)[:count]
        return {w: gradients[w] for name in chosen for w in self._layers[name] if w in gradients}

    def _reuse(self) -> None:
        """The gradient becomes g + alpha * |g| / |v| * v, with v the remembered direction: Liu et al., algorithm 1."""
        length = _norm(list(self._direction.values()))
        if not length > _TINY:
            return
        factor = REUSE * _norm(list(self._gradients().values())) / length
        for weight, gradient in self._gradients().items():
            if weight in self._direction:
                gradient.add_(self._direction[weight], alpha=factor)


def _free_layers(model: Any) -> dict[str, list[Weight]]:
    """The weights that are trained, by the layer that they adapt."""
    layers: dict[str, list[Weight]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            layers.setdefault(_ADAPTER.split(name)[0], []).append(weight)
    return layers


def _orthogonal(
    uphill: dict[Weight, torch.Tensor], plain: dict[Weight, torch.Tensor]
) -> dict[Weight, torch.Tensor]:
    """The part of one gradient, taken over all weights as one vector, that is orthogonal to the other."""
    both = [weight for weight in uphill if weight in plain]
    square = _number(sum(((plain[w] * plain[w]).sum() for w in both), torch.tensor(0.0)))
    along = _number(sum(((uphill[w] * plain[w]).sum() for w in both), torch.tensor(0.0)))
    share = along / square if square > _TINY**2 else 0.0
    return {w: torch.sub(uphill[w], plain[w], alpha=share) for w in both}


def _norm(tensors: Sequence[torch.Tensor]) -> float:
    """The Euclidean norm of all tensors as one vector, over every process where they are sharded."""
    return _number(torch.nn.utils.get_total_norm(tensors)) if tensors else 0.0


def _number(value: Any) -> float:
    """A scalar tensor's value; of one that is spread over processes (FSDP), the whole's."""
    return float(value.full_tensor() if hasattr(value, "full_tensor") else value)
