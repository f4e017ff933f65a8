"""Whole files, written beside their final name and renamed into place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def write_renamed(path: Path, content: bytes) -> None:
    """Give `path` this content in one step: a reader sees the old content or the new, never a mixture.

    It survives the death of the process, not a power cut: nothing is synced.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_all(folder: Path, contents: Mapping[str, str]) -> None:
    """Write texts by their paths below `folder`, which is made where it is missing; each file in one step."""
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_renamed(path, text.encode())
