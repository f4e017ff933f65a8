"""Puts a model into another mode while a block runs, and back. Importing this loads torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from telemetry.errors import UsageError
from trainer.methods.adapted import START, adapted_layers
from trainer.methods.variants import at_start


@contextmanager
def answering(model: Any, *, adapter: bool = True) -> Iterator[None]:
    """The model ready to answer: evaluation mode, no gradients, the attention that decodes quickest.

    With `adapter` false a peft adapter is off, so the base answers.
    """
    off = nullcontext() if adapter else _without_adapter(model)
    with _restored(model), torch.no_grad(), off, _quick_attention(model):
        model.eval()
        yield


@contextmanager
def as_base(model: Any) -> Iterator[None]:
    """The base under a peft adapter: the adapter is off, evaluation mode, no gradients.

    Raises UsageError for a model without adapter, which may have been trained and is no base. Of a wrapped model
    give the inner one; calls of the wrapper are then base's too.
    """
    if not hasattr(model, "peft_config"):
        raise UsageError(
            f"base is not to be had from a {type(model).__name__}, which has no adapter to switch off"
        )
    with _restored(model), torch.no_grad(), _without_adapter(model):
        model.eval()
        yield


@contextmanager
def _restored(model: Any) -> Iterator[None]:
    """Afterwards every module's mode and every weight's `requires_grad` are what they were.

    peft makes all weights of the adapter trainable when it switches it back on.
    """
    modes = [(module, module.training) for module in model.modules()]
    free = [(weight, weight.requires_grad) for weight in model.parameters()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for weight, requires in free:
            weight.requires_grad_(requires)


def _without_adapter(model: Any) -> AbstractContextManager[Any]:
    if not hasattr(model, "peft_config"):
        return nullcontext()  # no adapter: it is the base
    if any(hasattr(layer.module, START) for layer in adapted_layers(model)):
        return at_start(model)  # corda has taken weights out of base and put them into the adapter
    off: AbstractContextManager[Any] = model.disable_adapter()
    return off


@contextmanager
def _quick_attention(model: Any) -> Iterator[None]:
    """On a CPU torch's fused attention is built for many queries; for the one of a decoding step it is slow."""
    inner = model.get_base_model() if hasattr(model, "peft_config") else model
    before = inner.config._attn_implementation  # transformers has no public name to read it by
    if inner.device.type != "cpu" or before != "sdpa":
        yield
        return
    inner.set_attn_implementation("eager")
    try:
        yield
    finally:
        inner.set_attn_implementation(before)
