"""Averaging along the run: what is evaluated and shipped is the mean of the weights over its last steps.

    mean_n = mean_(n-1) + (w_n - mean_(n-1)) / n,    w_n the free weights after the n-th averaged step

(stochastic weight averaging, Izmailov et al., 2018, arXiv:1803.05407). Training goes on from w_n, which the mean
never touches.

What is averaged are the factors A and B, not their product. With n points (A_i, B_i) of means A', B',

    mean(B_i A_i) = B' A' + mean((B_i - B')(A_i - A')),

so the two differ by the covariance of the factors: of second order in how far the points lie apart, and at most the
product of the factors' standard deviations. The points of one run's end lie close together and in one basin, and
no step exchanges rows of A with columns of B, so the factors mean the same in each. The mean of the products has
a rank of n times the adapter's; the mean of the factors is an adapter like any other. It also stays in every linear
subspace that the points lie in (oplora).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch

from trainer.methods.adapted import spread, whole

_MEAN: Final = "mean/"
_COUNT: Final = "count"


class Average:
    """The running mean of a model's free weights over the last steps, in their own precision (float32).

    `model` is the one under accelerate's wrapper, so that the weights have the names under which they are saved. Every
    process of a data-parallel run comes to the same mean. It needs the memory of the adapter once more.
    """

    def __init__(self, last: float, steps: int, model: Any) -> None:
        self._first = first_averaged(last, steps)
        self._free = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self._mean: dict[str, torch.Tensor] = {}
        self._count = 0

    @torch.no_grad()
    def after_update(self, step: int) -> None:
        """Take in the weights as they are after this step, counted from 1."""
        if step < self._first:
            return
        self._count += 1
        for name, weight in self._free.items():
            if name in self._mean:
                self._mean[name].add_((weight.detach() - self._mean[name]) / self._count)
            else:
                self._mean[name] = weight.detach().clone()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block the model has the mean, once there is one; after it its weights as before, bit by bit."""
        kept = {name: self._free[name].detach().clone() for name in self._mean}
        for name, mean in self._mean.items():
            self._free[name].data.copy_(mean)
        try:
            yield
        finally:
            for name, value in kept.items():
                self._free[name].data.copy_(value)

    def memory(self) -> dict[str, torch.Tensor]:
        """The mean so far, whole, by weight, and of how many steps it is."""
        means = {f"{_MEAN}{name}": whole(mean).cpu().clone() for name, mean in self._mean.items()}
        return {**means, _COUNT: torch.tensor(self._count)}

    def recall(self, memory: Mapping[str, torch.Tensor]) -> None:
        """Go on with what `memory` gave."""
        self._count = int(memory[_COUNT])
        self._mean = {
            name: spread(memory[f"{_MEAN}{name}"].clone(), weight)
            for name, weight in self._free.items()
            if f"{_MEAN}{name}" in memory
        }


def first_averaged(last: float, steps: int) -> int:
    """The first step of the averaged part: the last `last` of `steps`, rounded, and at least the very last."""
    return steps - max(1, round(last * steps)) + 1


def averaged(memory: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The means by weight, out of what `Average.memory` gave; nothing where averaging has not begun."""
    return {name.removeprefix(_MEAN): mean for name, mean in memory.items() if name.startswith(_MEAN)}
