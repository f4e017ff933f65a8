"""Whole files, written beside their final name and renamed into place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def write_renamed(path: Path, content: bytes, *, private: bool = False) -> None:
    """Give `path` this content in one step: a reader sees the old content or the new, never a mixture.

    It survives the death of the process, not a power cut: nothing is synced. A `private` file is its owner's alone.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        if private:
            beside.touch(mode=0o600)  # before there is anything in it
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
