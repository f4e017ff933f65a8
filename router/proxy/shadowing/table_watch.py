"""The word table as the router follows it: a file that `belay watch` writes, looked at once a second."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

from router.proxy.in_force import stamp_of
from telemetry.errors import UnreadableRecord
from telemetry.word_table import WordTable, read_table

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0


class TableWatch:
    """Follows one word table. A file that cannot be read changes nothing; without one shadows are drawn evenly."""

    def __init__(self, path: Path | None) -> None:
        self._file = path
        self._seen: tuple[int, int, int] | None = None
        self.current: WordTable | None = None
        self.unreadable = 0
        self.look()

    @property
    def why_none(self) -> str:
        """Why there is no table, for the status."""
        if self._file is None:
            return "table_file is not set"
        return f"{self._file} cannot be used" if self.unreadable else f"no file at {self._file}"

    def look(self) -> None:
        """Take on what the file says, if it changed since the last look."""
        if self._file is None:
            return
        seen = stamp_of(self._file)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.current = read_table(self._file)
        except (UnreadableRecord, OSError) as error:
            self.unreadable += 1
            log.error("the word table stays as it was: %s", error)  # noqa: TRY400 - the message says it all
            return
        log.info("shadows: word table %s", self.current.version if self.current is not None else "gone")

    async def follow(self) -> None:
        """Look for ever."""
        while self._file is not None:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()
