"""A file that others replace, followed: its content whenever that changed, and no version of it ever missed."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int]


class News(NamedTuple):
    """A file's content; None where there is no file (any more)."""

    content: bytes | None


class Followed:
    """One file. `unreadable` counts the times that it could not be read, one however often it was tried.

    A look is one `stat`. Content and stamp are of the same opened file, and a stamp is taken on only with the content:
    a version that could not be read now (no file descriptor left) is read at the next look.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unreadable = 0
        self._seen: Stamp | None = None
        self._told: str | None = None

    def changed(self) -> bool:
        """Whether there may be news: a look that reads nothing."""
        try:
            return _stamp_of(self.path) != self._seen
        except OSError:
            return True  # which `news` tells

    def news(self) -> News | None:
        """What the file holds, where that changed since it was last read; None where it did not, or is not known."""
        try:
            if _stamp_of(self.path) == self._seen:
                return None
            content, self._seen = _read(self.path)
        except OSError as error:
            self._tell(error)
            return None
        self._told = None
        return News(content)

    def _tell(self, error: OSError) -> None:
        # Fifty looks a second are no fifty lines in the log.
        if self._told != str(error):
            self._told = str(error)
            self.unreadable += 1
            log.error("%s cannot be read, and is tried again at every look: %s", self.path, error)


async def look_for_ever(look: Callable[[], None], every_s: float, failed: str) -> NoReturn:
    """Look every so many seconds, whatever a look runs into; the log has `failed` and the reason."""
    while True:
        await asyncio.sleep(every_s)
        try:
            look()
        except Exception:
            log.exception(failed)


def _stamp_of(path: Path) -> Stamp | None:
    """What tells one content of a file from the next without reading it; None where there is no file."""
    try:
        return _stamp(path.stat())
    except FileNotFoundError:
        return None


def _read(path: Path) -> tuple[bytes | None, Stamp | None]:
    try:
        with path.open("rb") as file:
            # Before the content: what is written in place meanwhile changes the stamp, and is read once more.
            stamp = _stamp(os.fstat(file.fileno()))
            return file.read(), stamp
    except FileNotFoundError:
        return None, None


def _stamp(found: os.stat_result) -> Stamp:
    # A renamed file has a new inode, so two changes within one tick of the clock are still seen.
    return found.st_mtime_ns, found.st_ino, found.st_size
