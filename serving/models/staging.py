"""Folders that appear whole or not at all: built beside their final name, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving.models.pins import require_unpinned


@contextmanager
def staged_folder(final: Path) -> Iterator[Path]:
    """Yield an empty folder beside `final`; when the block ends well it becomes `final`.

    A folder that lies at `final` until then is replaced, unless a rollout's pin holds its model: ModelPinned is
    raised at once, and again at the end where a rollout has begun meanwhile. When the block fails, or Ctrl-C
    ends it, nothing is left; what a killed process left is removed by the next call for the same name.
    """
    final = final.absolute()
    require_unpinned(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_over(final)
    beside = final.with_name(f".{final.name}.{os.getpid()}.new")
    beside.mkdir()
    try:
        yield beside
        _swap(beside, final)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _swap(beside: Path, final: Path) -> None:
    # A folder cannot be renamed onto one that has files, so the old one steps aside first.
    aside = final.with_name(f".{final.name}.{os.getpid()}.old")
    require_unpinned(final)
    if final.exists():
        final.rename(aside)
    beside.rename(final)
    shutil.rmtree(aside, ignore_errors=True)


def _remove_left_over(final: Path) -> None:
    for kind in ("new", "old"):
        for left in final.parent.glob(f".{final.name}.*.{kind}"):
            pid = left.name.removeprefix(f".{final.name}.").removesuffix(f".{kind}")
            if pid.isdigit() and (int(pid) == os.getpid() or not Path(f"/proc/{pid}").exists()):
                shutil.rmtree(left, ignore_errors=True)
