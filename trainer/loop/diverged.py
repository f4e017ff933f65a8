"""Where a step that came out infinite or as no number went wrong: its layer, its batch, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from telemetry.errors import BelayError


class TrainingDiverged(BelayError):
    """A loss, or a gradient, is no number any more."""

    exit_code = 2


def diverged(
    what: str, step: int, steps: int, where: str, batch: Sequence[str], learning_rate: float
) -> TrainingDiverged:
    """The error that tells step, layer and batch; `what` became which value, such as "the loss became nan"."""
    return TrainingDiverged(
        f"{what} in step {step} of {steps}: {where}; the batch was {', '.join(batch)}",
        hint=f"Lower learning_rate (it is {learning_rate:g}), or look at these examples.",
    )


def find_where(model: Any, again: Callable[[], None]) -> str:
    """The first module whose output, or else whose gradient, is not finite when the step is run once more.

    `again` runs forward and backward from the same random state, on the weights as they are. Innermost modules are
    looked at, in the order in which they ran; going backwards that is the last one first.
    """
    seen = _Seen()
    with _watching(model, seen):
        again()
    if seen.output is not None:
        return f"the first output that is not finite is that of {seen.output}"
    if seen.gradient is not None:
        return f"every output is finite; the first gradient that is not is that of {seen.gradient}'s output"
    for name, weight in model.named_parameters():
        if weight.grad is not None and not _finite(weight.grad):
            return (
                f"every output and its gradient is finite; the first weight whose gradient is not is {name}"
            )
    return "run once more, every output and gradient is finite"


class _Seen:
    """What was found first, forwards and backwards."""

    output: str | None = None
    gradient: str | None = None


@contextmanager
def _watching(model: Any, seen: _Seen) -> Iterator[None]:
    handles = []

    def forward_hook(name: str) -> Callable[[Any, Any, Any], None]:
        def look(_module: Any, _inputs: Any, output: Any) -> None:
            for tensor in _tensors(output):
                if seen.output is None and not _finite(tensor):
                    seen.output = name
                if tensor.requires_grad:
                    tensor.register_hook(backward_hook(name))  # type: ignore[no-untyped-call]  # torch has no type for it

        return look

    def backward_hook(name: str) -> Callable[[torch.Tensor], None]:
        def look(gradient: torch.Tensor) -> None:
            if seen.gradient is None and not _finite(gradient):
                seen.gradient = name

        return look

    for name, module in model.named_modules():
        if next(module.children(), None) is None:
            handles.append(module.register_forward_hook(forward_hook(name)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _tensors(output: Any) -> Iterator[torch.Tensor]:
    if isinstance(output, torch.Tensor) and output.is_floating_point():
        yield output
    elif isinstance(output, tuple | list):
        for part in output:
            yield from _tensors(part)


def _finite(tensor: torch.Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())
