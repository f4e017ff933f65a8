"""Small disks of one's own, where this user may mount one."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[None]:
    """A disk of this size at `folder`, which is made. Only where `may_mount` says so."""
    folder.mkdir(parents=True)
    _mount("mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "belay-drill", str(folder))
    try:
        yield
    finally:
        # Also where a process that was killed just now has not let go of its last file.
        _mount("umount", "-l", str(folder))


def may_mount() -> bool:
    """Whether a small disk can be had: tried, since root in a container may or may not."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder) / "disk", 1 << 20):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


def fill(file: Path) -> None:
    """Write until the disk that `file` is on has no room left."""
    with file.open("wb", buffering=0) as ballast:
        for size in (1 << 20, 1 << 12):
            try:
                while ballast.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue


def _mount(command: str, *arguments: str) -> None:
    subprocess.run([shutil.which(command) or command, *arguments], check=True, capture_output=True)
