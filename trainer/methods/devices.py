"""Where models and batches of a training are: on a GPU where PyTorch sees one, else on the CPU. Unverified on a GPU."""

from __future__ import annotations

import gc
from collections.abc import Mapping

import torch

Where = torch.device | str


def best_device() -> str:
    """The device of a process that computes alone; among several, accelerate gives each its own."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def dtype_on(dtype: str, device: Where) -> str:
    """`dtype`, but float32 in the place of bfloat16 on a GPU that lacks it.

    Never float16: in its range a loss that is not scaled underflows.
    """
    lacks = dtype == "bfloat16" and torch.device(device).type == "cuda" and not _has_bfloat16()
    return "float32" if lacks else dtype


def onto(batch: Mapping[str, torch.Tensor], device: Where) -> dict[str, torch.Tensor]:
    """The batch on that device; the very same tensors where they are there already."""
    return {name: values.to(device) for name, values in batch.items()}


def release() -> None:
    """Give the GPU memory that no model holds any more back to others: PyTorch keeps it. Nothing on a CPU."""
    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()


def _has_bfloat16() -> bool:
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))
