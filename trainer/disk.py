"""Whether the disk has room for what training writes: told before it is full, not by a file cut short."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from telemetry.errors import InfrastructureError

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


def bytes_of(folder: Path, pattern: str) -> int:
    """The size of the files in `folder` that match `pattern`."""
    return sum(path.stat().st_size for path in folder.glob(pattern))


def _size(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
