"""What the router's files said when they could last be used, for a worker that begins while they cannot.

A worker that takes the place of one that died has nobody to tell what is wrong with a file: it begins with what was
good. It lies in memory that all workers share, without a name, and ends with them.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from serving.processes import unnamed_file

SETTINGS: Final = "settings"
KEYS: Final = "keys"
TLS: Final = "tls"


class LastGood:
    """The texts in the file of this descriptor, by what they are; told where they are `needed`, else only kept."""

    def __init__(self, file: int, *, needed: bool) -> None:
        self._file, self._needed = file, needed

    @staticmethod
    def made() -> int:
        """A file that has no name; its descriptor."""
        return unnamed_file("belay-last-good")

    def text(self, what: str) -> str | None:
        """What was kept last; None where nothing was, or it is not needed."""
        if not self._needed:
            return None
        with self._locked():
            found: str | None = self._read().get(what)
            return found

    def keep(self, what: str, text: str) -> None:
        """Keep this text in the place of the one before."""
        with self._locked():
            told = self._read() | {what: text}
            content = json.dumps(told).encode()
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, content, 0)

    def of(self, what: str) -> Slot:
        """The place of one of the texts."""
        return Slot(self, what)

    def _read(self) -> dict[str, Any]:
        content = os.pread(self._file, os.fstat(self._file).st_size, 0)
        try:
            found: dict[str, Any] = json.loads(content)
        except ValueError:  # empty as yet, or whoever wrote it was killed over it
            return {}
        return found

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)


class Slot(NamedTuple):
    """One of the texts."""

    all: LastGood
    what: str

    def keep(self, text: str) -> None:
        """Keep it in the place of the one before."""
        self.all.keep(self.what, text)

    def text(self) -> str | None:
        """What was kept last; None where nothing was, or it is not needed."""
        return self.all.text(self.what)
