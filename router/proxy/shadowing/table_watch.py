"""The word table as the router follows it: a file that `belay watch` writes, looked at once a second."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from telemetry.errors import UnreadableRecord
from telemetry.following import Followed, look_for_ever
from telemetry.word_table import WordTable, parse_table

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0


class TableWatch:
    """Follows one word table. A file that cannot be read changes nothing; without one shadows are drawn evenly."""

    def __init__(self, path: Path | None) -> None:
        self._file = Followed(path) if path is not None else None
        self.current: WordTable | None = None
        self.look()

    @property
    def unreadable(self) -> int:
        """How often the file could not be read, or held no word table."""
        return self._file.unreadable if self._file is not None else 0

    @property
    def why_none(self) -> str:
        """Why there is no table, for the status."""
        if self._file is None:
            return "table_file is not set"
        path = self._file.path
        return f"{path} cannot be used" if self.unreadable else f"no file at {path}"

    def look(self) -> None:
        """Take on what the file says, if it changed since it was last read."""
        news = self._file.news() if self._file is not None else None
        if self._file is None or news is None:
            return
        try:
            self.current = parse_table(news.content, self._file.path) if news.content is not None else None
        except UnreadableRecord as error:
            self._file.unreadable += 1
            log.error("the word table stays as it was: %s", error)  # noqa: TRY400 - the message says it all
            return
        log.info("shadows: word table %s", self.current.version if self.current is not None else "gone")

    async def follow(self) -> None:
        """Look for ever, whatever a look runs into."""
        if self._file is not None:
            await look_for_ever(
                self.look, LOOK_EVERY_S, "a look at the word table failed; it stays as it was"
            )
