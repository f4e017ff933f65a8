"""How the target's tokens are learnt where not all alike: weighted, left out, or held near base.

Fine-tuning forgets most on tokens that the model would not have said. Each method here takes such tokens less hard, or
holds the model's other words where they were. Pure functions of logits (tokens, vocabulary) and labels (tokens,).
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch.nn import functional

from trainer.config import TargetLossSettings
from trainer.methods.kl import divergence

MOST_LIKELY: Final = 20
"""Over so many tokens the entropy is taken, as in the paper's own code: a sort of the whole vocabulary is dear."""


def learnt_sum(
    settings: TargetLossSettings, candidate: torch.Tensor, labels: torch.Tensor, base: torch.Tensor
) -> torch.Tensor:
    """The sum of the tokens' cross entropies as the settings weigh them and leave them out, in nats.

    0, with gradients of 0, where every token is left out. Only `most_perplexity` looks at `base`.
    """
    if settings.most_perplexity is not None:
        kept = learnable(base, labels, settings.most_perplexity)
        candidate, labels = candidate[kept], labels[kept]
    each = functional.cross_entropy(candidate.float(), labels, reduction="none")
    if settings.weigh == "entropy":
        each = each * entropy_weights(candidate)
    elif settings.weigh == "probability":
        each = each * probability_weights(each)
    return each.sum()


def anchor_sum(
    settings: TargetLossSettings, candidate: torch.Tensor, labels: torch.Tensor, base: torch.Tensor
) -> torch.Tensor:
    """The sum over the tokens of KL(base || candidate), in nats, before its weight; of all tokens, learnt or not.

    The direction is that of `kl` and of ASFT's own code (https://arxiv.org/abs/2509.23753).
    """
    if settings.kl_without_label:
        base, candidate = without_label(base, labels), without_label(candidate, labels)
    return divergence(base, candidate)


def entropy_weights(candidate: torch.Tensor) -> torch.Tensor:
    """The entropy of each prediction, of what it can be at most, in [0, 1], without gradient.

    H / ln K with H = -sum_k p_k ln p_k over the K most likely tokens, whose probabilities are taken to sum to 1. What
    the model is sure of and the label contradicts is hardly learnt. Entropy-Adaptive Fine-Tuning, Diao et al. 2026,
    https://arxiv.org/abs/2601.02151.
    """
    count = min(MOST_LIKELY, candidate.shape[-1])
    likely = candidate.detach().float().topk(count, dim=-1).values.softmax(dim=-1)
    entropies: torch.Tensor = torch.special.entr(likely).sum(dim=-1)
    return (entropies / math.log(count)).clamp(max=1.0)


def probability_weights(cross_entropies: torch.Tensor) -> torch.Tensor:
    """The probability that the candidate gives to each label, from its cross entropy, without gradient.

    Each token's gradient is then that of -p instead of -ln p. Dynamic Fine-Tuning, Wu et al. 2025,
    https://arxiv.org/abs/2508.05629: what ASFT (Zhu et al. 2025, https://arxiv.org/abs/2509.23753) anchors with a KL.
    """
    return cross_entropies.detach().neg().exp()


def learnable(base: torch.Tensor, labels: torch.Tensor, most_perplexity: float) -> torch.Tensor:
    """Which tokens are learnt, (tokens,) of bool: those to which base gives a perplexity 1/p of at most so much.

    Selective Token Masking, Wu et al. 2025, https://arxiv.org/abs/2501.14315.
    """
    surprises = functional.cross_entropy(base.float(), labels, reduction="none")
    return surprises <= math.log(most_perplexity)


def without_label(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Logits of the same distributions without the label, renormalised over the rest of the vocabulary.

    Between two such the label's logit has no gradient: raising it is not opposed. Mask the Target, Xu et al. 2026,
    https://arxiv.org/abs/2605.29498, of which the abstract alone was at hand: the direction is that of `kl`.
    """
    least = torch.finfo(torch.float32).min  # of probability 0; with -inf the divergence would be inf - inf
    return logits.float().scatter(-1, labels[:, None], least)
