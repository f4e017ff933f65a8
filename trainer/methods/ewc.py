"""Elastic weight consolidation on the adapter's product: what base needs for its other abilities, moves least.

    penalty = strength / 2 * sum over layers, i, j of F_ij * D_ij^2,    D = s * B A

F is the diagonal Fisher of base (`trainer.methods.fisher`), D the change of the full weight (Kirkpatrick et al., 2017,
doi:10.1073/pnas.1611835114). It stands on the product, never on A and B apart: many pairs A, B give the same model,
and pulling each factor to its start would punish them differently. Since the Fisher is the curvature of the KL
divergence at base, sum F D^2 / 2 estimates how many nats a retention token costs, without the terms off the
diagonal; strength weighs that against the loss per token.

The gradient is written down rather than traced. With G = F * D, elementwise:

    d penalty / dB = strength * s * G A^T,    d penalty / dA = strength * s * B^T G

With a factored Fisher, F_ij = r_i c_j, no matrix of the weight's size is formed: sum F (B A)^2 is the trace of
(B^T R B)(A C A^T), with R and C the diagonal matrices of r and c, and the gradients are R B (A C A^T) and
(B^T R B) A C: O((out + in) rank^2) operations.

Where the adapter did not start at zero (CorDA), D = s * (B A - B0 A0), which is the product of [B, -B0] and
[A; A0]: the same formulas with these in the place of B and A where they stand for the change.

The loop needs one line, after everything else that changes gradients and before they are clipped:

    penalty = ewc.after_backward()
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch

from telemetry.errors import SettingsError
from trainer.methods.adapted import Adapted, add_gradient, low_rank_layers
from trainer.methods.fisher import Diagonal, Factors, Fisher

_STEP: Final = "step"
_PARTS: Final = ("square", "a", "b")  # of a term
_BLOCK: Final = 1 << 20  # elements of D that exist at once: 4 MiB, which stays in a core's cache


class EwcPenalty:
    """Adds the penalty's gradient to that of the loss, one layer at a time.

    Beside the Fisher it needs the memory of one layer's change (of a block of its rows where the layer is large).
    With a bfloat16 Fisher every step computes a quarter of the layers' gradients anew, in turn, and adds the other
    layers' as they were up to three steps ago, which keeps its cost below a twentieth of a step; `turns` of 1 has all
    of them exact at every step. A factored Fisher is so cheap that all are exact always.

    Every process of a data-parallel run adds the same gradient, after the loss's have been averaged.
    Raises SettingsError where a layer of the model has no Fisher of its shape, or its change is not a product.
    """

    def __init__(self, fisher: Fisher, strength: float, model: Any, *, turns: int | None = None) -> None:
        self._strength = strength
        self._layers = low_rank_layers(model, "the EWC penalty")
        self._diagonals = [_fitting(fisher, layer) for layer in self._layers]
        factored = all(isinstance(diagonal, Factors) for diagonal in self._diagonals)
        self._turns = turns or (1 if factored else 4)
        self._terms: list[_Term | None] = [None] * len(self._layers)
        self._step = 0

    @torch.no_grad()
    def after_backward(self) -> float:
        """Add the penalty's gradient to every adapter's `.grad`; the penalty's value."""
        value = torch.zeros((), device=self._layers[0].a.device)
        for index, (layer, diagonal) in enumerate(zip(self._layers, self._diagonals, strict=True)):
            term = self._terms[index]
            if term is None or index % self._turns == self._step % self._turns:
                term = _term(layer, diagonal)
                self._terms[index] = term if self._turns > 1 else None
            factor = self._strength * layer.scaling**2
            add_gradient(layer.a, term.a, factor)
            add_gradient(layer.b, term.b, factor)
            value += 0.5 * factor * term.square
        self._step += 1
        return float(value)

    def memory(self) -> dict[str, torch.Tensor]:
        """What later steps need of the earlier ones: gradients that are added as they were, and whose turn it is."""
        kept = {
            f"{layer.name}/{part}": getattr(term, part).cpu().clone()
            for layer, term in zip(self._layers, self._terms, strict=True)
            if term is not None
            for part in _PARTS
        }
        return {**kept, _STEP: torch.tensor(self._step)}

    def recall(self, memory: dict[str, torch.Tensor]) -> None:
        """Go on with what `memory` gave."""
        self._step = int(memory[_STEP])
        for index, layer in enumerate(self._layers):
            if f"{layer.name}/a" in memory:
                square, a, b = (memory[f"{layer.name}/{part}"].to(layer.a.device) for part in _PARTS)
                self._terms[index] = _Term(square, a, b)


@dataclass(frozen=True, slots=True)
class _Term:
    """Of one layer, without strength and scaling: sum F (BA)^2, and half its gradients."""

    square: torch.Tensor
    a: torch.Tensor
    b: torch.Tensor


def _term(layer: Adapted, diagonal: Diagonal) -> _Term:
    left, right = layer.change()
    rank = layer.a.shape[0]
    if isinstance(diagonal, Factors):
        return _factored(diagonal, left, right, rank)
    return _dense(diagonal, left, right, rank)


def _dense(diagonal: torch.Tensor, left: torch.Tensor, right: torch.Tensor, rank: int) -> _Term:
    """Left (out, k), right (k, in); only the first `rank` of k are free, the rest are where they started."""
    rows = max(1, _BLOCK // right.shape[1])
    beside = torch.empty_like(left)  # G right^T
    above = torch.zeros_like(right[:rank])  # B^T G
    for start in range(0, len(left), rows):
        part = slice(start, start + rows)
        change = (left[part] @ right).mul_(diagonal[part])
        torch.mm(change, right.t(), out=beside[part])
        above.addmm_(left[part, :rank].t(), change)
    square = (left * beside).sum()  # sum_ij G_ij (left right)_ij
    return _Term(square, above, beside[:, :rank])


def _factored(factors: Factors, left: torch.Tensor, right: torch.Tensor, rank: int) -> _Term:
    """As `_dense`, with matrices of (k, k) in the place of one of (out, in)."""
    tall = left * factors.rows[:, None]
    wide = right * factors.columns
    inner, outer = left.t() @ tall, wide @ right.t()
    return _Term((inner * outer).sum(), inner[:rank] @ wide, tall @ outer[:, :rank])


def _fitting(fisher: Fisher, layer: Adapted) -> Diagonal:
    diagonal = fisher.layers.get(layer.name)
    wanted = tuple(layer.base.weight.shape)
    if diagonal is None or tuple(diagonal.shape) != wanted:
        found = "none" if diagonal is None else f"one of shape {tuple(diagonal.shape)}"
        raise SettingsError(
            f"the EWC penalty needs a Fisher of shape {wanted} for {layer.name}; the sidecar has {found}",
            hint="It was taken for other lora.targets, or of another base. Take it again: remove the sidecar.",
        )
    where = layer.a.device
    if isinstance(diagonal, Factors):
        return Factors(diagonal.rows.to(where), diagonal.columns.to(where))
    return diagonal.to(where)
