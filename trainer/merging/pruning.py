"""Pruning a fine-tune's change, matrix by matrix: of its entries only those stay that are worth what they forget.

    S_ij = |dW_ij| - mean(|W|) * |dW_ij| / |W_ij|

is the forgetting-aware pruning metric (FAPM: Huang, Cheng and Wang, 2025, arXiv:2509.08255): a large change counts for
an entry, one that is large beside base's weight against it, and the mean over the matrix brings both to one scale. The
formula is the paper's as reviews of it quote it; the paper itself was not at hand. The `keep` of the entries with the
largest S stay as they are, not rescaled, and the others are base's.

S = |dW| (1 - mean|W| / |W|) is below zero where base's weight is smaller than the mean: such entries come last, of
them the most changed the very last. Where base's weight is zero S is minus infinity, and where nothing changed it is
zero. Scaling dW scales every S alike, so what stays does not depend on the weight that a merge is taken at.
"""

from __future__ import annotations

import torch


def pruned(start: torch.Tensor, final: torch.Tensor, keep: float) -> torch.Tensor:
    """The matrix `final` in which all but a `keep` of the entries (at least one) are those of `start`.

    What is no matrix (a bias, a norm's weights) is `final` itself: it is no layer's weight update.
    """
    if start.ndim < 2 or keep >= 1.0:
        return final
    start, final = start.float(), final.float()
    score = metric(start, final - start).flatten()
    count = max(1, round(keep * score.numel()))
    stays = torch.zeros(score.numel(), dtype=torch.bool, device=score.device)
    stays[score.topk(count, sorted=False).indices] = True
    return torch.where(stays.view_as(start), final, start)


def metric(weight: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
    """S of each entry of a change of `weight`, of the same shape; of a weight that is all zero, the change's size."""
    size, held = change.abs(), weight.abs()
    mean = held.mean()
    if mean == 0.0:
        return size
    return torch.where(size == 0.0, torch.zeros_like(size), size * (1.0 - mean / held))
