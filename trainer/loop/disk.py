"""Whether the disk has room for what training writes: told before it is full, not by a file cut short."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from safetensors import safe_open

from telemetry.errors import InfrastructureError
from trainer.config import LoraSettings

SPARE: Final = 64 << 20
"""Bytes that stay free: logs, reports and whatever else writes to the same disk."""


class DiskFull(InfrastructureError):
    """There is less room than what is to be written next takes."""

    retriable = True


def require_room(folder: Path, needed: int, what: str, *, hint: str) -> None:
    """Raise DiskFull unless the disk of `folder` (or of its nearest parent that exists) has `needed` bytes and some."""
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if free < needed + SPARE:
        raise DiskFull(
            f"{what} takes {_size(needed)} and {_size(SPARE)} should stay free, but {place} has {_size(free)} left",
            hint=hint,
        )


def weights_bytes(folder: Path) -> int:
    """How large the weights of the model in `folder` are; those of what is merged into it are as large."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def adapter_bytes(base: Path, lora: LoraSettings) -> int:
    """About how large an adapter of `base` is in float32, without loading anything; never less than it is.

    Every matrix but the embeddings is taken to have one, osf to train all of it.
    """
    total = 0
    for shard in sorted(base.glob("*.safetensors")):
        with safe_open(str(shard), framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                shape = file.get_slice(name).get_shape()
                if len(shape) == 2 and "embed" not in name:
                    total += shape[0] * shape[1] if lora.variant == "osf" else lora.rank * sum(shape)
    return 4 * total


def _size(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
