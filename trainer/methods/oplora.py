"""oplora: the adapter leaves alone what each weight does in its `keep` largest singular directions.

With W = U S V^T, U_k and V_k its first k singular vectors, the weight's change is

    dW = s * (I - U_k U_k^T) B A (I - V_k V_k^T)

(Orthogonal Projection LoRA, arXiv:2510.13003). Then (W + dW) v_i = s_i u_i and (W + dW)^T u_i = s_i v_i for i <= k:
W's first k singular triples are singular triples of W + dW, exactly, whatever is learnt.

The projections act on the factors themselves, A <- A (I - V_k V_k^T) and B <- (I - U_k U_k^T) B, at the start and after
each step of the optimiser, so that what is saved is a plain LoRA adapter. The gradients are projected as well, before
they are clipped: those are the gradients of the formula above with free A and B, and since Adam's step depends on
the gradients alone, every step is the one that the formula's own parametrisation would take. Projecting the gradients
only would not do: Adam divides elementwise and leaves the subspace.

The guarantee is on W + dW in float32; a merged model that is rounded to bfloat16 keeps it up to that rounding. The
decomposition is of base's weights as they are while training, and is taken anew when a training goes on: on the same
number of threads it comes to the same bits.
"""

from __future__ import annotations

from typing import Any

import torch

from telemetry.errors import SettingsError
from trainer.methods.adapted import Adapted, low_rank_layers, spread, whole

Bases = tuple[torch.Tensor, torch.Tensor]  # U_k (out, k) and V_k (in, k), orthonormal columns


class Oplora:
    """Holds the adapter in the subspace. Made from the model before it is spread over processes: base has to be whole.

    It projects the adapter's factors at once. Needs the memory of the bases, k (out + in) numbers a layer, and a
    singular value decomposition of every adapted layer. Nothing is random, and there is nothing to remember: every
    process of a run projects the same. Raises SettingsError where a layer has no more than `keep` directions.
    """

    def __init__(self, keep: int, model: Any) -> None:
        layers = low_rank_layers(model, "lora.variant oplora")
        self._layers = [(layer, _leading(layer, keep)) for layer in layers]
        self.project_weights()

    @torch.no_grad()
    def project_weights(self) -> None:
        """After the optimiser's step: A and B back into the subspace."""
        for layer, (left, right) in self._layers:
            _project(layer.a, right, from_right=True)
            _project(layer.b, left, from_right=False)

    @torch.no_grad()
    def project_gradients(self) -> None:
        """Before clipping: what of the gradients leads out of the subspace is dropped."""
        for layer, (left, right) in self._layers:
            if layer.a.grad is not None:
                _project(layer.a.grad, right, from_right=True)
            if layer.b.grad is not None:
                _project(layer.b.grad, left, from_right=False)


def _leading(layer: Adapted, keep: int) -> Bases:
    weight = whole(layer.base.weight).float()
    if min(weight.shape) <= keep:
        raise SettingsError(
            f"lora.keep {keep} leaves nothing of {layer.name} to train, whose weight is "
            f"{weight.shape[0]} by {weight.shape[1]}",
            hint=f"Give a lora.keep below {min(weight.shape)}, or lora.targets that leave it out.",
        )
    left, _, right = torch.linalg.svd(weight, full_matrices=False)
    where = layer.a.device
    return left[:, :keep].contiguous().to(where), right[:keep].t().contiguous().to(where)


def _project(values: torch.Tensor, basis: torch.Tensor, *, from_right: bool) -> None:
    """Take out of `values`, in place, its part in the span of `basis`: of its rows, or of its columns."""
    full = whole(values)
    basis = basis.to(full.dtype)
    inside = (full @ basis) @ basis.t() if from_right else basis @ (basis.t() @ full)
    values.copy_(spread(full - inside, values))
