"""How far the candidate's next-token distributions are from base's, on what base itself said.

Base's logits come from a second pass with the adapter off. It is taken anew in every step: full distributions of a
rehearsal set would need 200 kB a token, and the top few of them would leave the rest of the vocabulary free. The pass
costs no backward, and only of the sequences that are rehearsed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from trainer.data.encoding import IGNORED
from trainer.methods.modes import as_base

Logits = Callable[[Any, dict[str, torch.Tensor]], tuple[torch.Tensor, torch.Tensor]]
"""Of a model and a batch: the logits at its labelled tokens, (tokens, vocabulary), and those tokens."""


def kl_to_base(
    adapted: Any,
    model: Any,
    logits_of: Logits,
    rehearsed: dict[str, torch.Tensor],
    candidate: torch.Tensor,
) -> torch.Tensor:
    """The sum over the labelled tokens of `rehearsed` of KL(base || candidate), in nats.

    `candidate` holds the candidate's logits at those tokens, in the batch's order. `adapted` is peft's model, `model`
    the same or what wraps it. Sequences without a labelled token are not read.
    """
    wanted = (rehearsed["labels"][:, 1:] != IGNORED).any(dim=1)
    with as_base(adapted):
        base, _ = logits_of(model, {name: values[wanted] for name, values in rehearsed.items()})
    return divergence(base, candidate)


def divergence(base: torch.Tensor, candidate: torch.Tensor) -> torch.Tensor:
    """The sum over rows of KL(base || candidate) = sum_v p_v (log p_v - log q_v), from logits (rows, vocabulary)."""
    return functional.kl_div(
        candidate.float().log_softmax(dim=-1),
        base.float().log_softmax(dim=-1),
        reduction="sum",
        log_target=True,
    )
