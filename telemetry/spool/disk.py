"""What the spool's writer asks of the disk, in one place, so that a test can put a disk there that forgets."""

from __future__ import annotations

import os
from pathlib import Path

from telemetry.spool.folder import sync_folder


class Disk:
    """The real one."""

    pwrite = staticmethod(os.pwrite)
    ftruncate = staticmethod(os.ftruncate)
    fdatasync = staticmethod(os.fdatasync)
    close = staticmethod(os.close)
    sync_folder = staticmethod(sync_folder)

    def create(self, path: Path) -> int:
        """A new file to write to. Raises OSError."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
