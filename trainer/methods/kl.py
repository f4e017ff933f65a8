"""How far the candidate's next-token distributions are from base's.

Base's logits come from a second pass with the adapter off. It is taken anew in every step: full distributions of a
rehearsal set would need 200 kB a token, and the top few of them would leave the rest of the vocabulary free. The pass
costs no backward, and only of the sequences that base is asked about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from trainer.data.encoding import IGNORED
from trainer.methods.modes import as_base

Logits = Callable[[Any, dict[str, torch.Tensor]], tuple[torch.Tensor, torch.Tensor]]
"""Of a model and a batch: the logits at its labelled tokens, (tokens, vocabulary), and those tokens."""


class BaseLogits(NamedTuple):
    """What base predicts at some of a batch's labelled tokens, (asked, vocabulary); `asked` marks them among all."""

    logits: torch.Tensor
    asked: torch.Tensor

    def at(self, tokens: torch.Tensor) -> torch.Tensor:
        """The logits at these of the labelled tokens, a mask over all of them; base has to have been asked of each."""
        return self.logits[tokens[self.asked]]


def base_logits(adapted: Any, model: Any, logits_of: Logits, asked: dict[str, torch.Tensor]) -> torch.Tensor:
    """Base's logits at the labelled tokens of `asked`, (tokens, vocabulary), in the batch's order, without gradient.

    `adapted` is peft's model, `model` the same or what wraps it. Sequences without a labelled token are not read.
    """
    wanted = (asked["labels"][:, 1:] != IGNORED).any(dim=1)
    with as_base(adapted):
        base, _ = logits_of(model, {name: values[wanted] for name, values in asked.items()})
    return base


def divergence(base: torch.Tensor, candidate: torch.Tensor) -> torch.Tensor:
    """The sum over rows of KL(base || candidate) = sum_v p_v (log p_v - log q_v), from logits (rows, vocabulary)."""
    return functional.kl_div(
        candidate.float().log_softmax(dim=-1),
        base.float().log_softmax(dim=-1),
        reduction="sum",
        log_target=True,
    )
