"""The journal: a line for each decision and each word of a person, with what came of it and when.

`read_at` and `applied_at` are epoch nanoseconds: how long control took. It is for measuring; who did what is in the
audit log.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

log = logging.getLogger(__name__)


class Journal:
    """One file that is added to; a line that cannot be written is logged, and costs nobody a rollback."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def write(
        self, read_at: int, decision_id: str | None, action: str, rollout_id: str, outcome: str, revision: int
    ) -> None:
        """Add a line; `read_at` is when it was begun with, now is when it was done."""
        line = {
            "decision_id": decision_id,
            "rollout_id": rollout_id,
            "action": action,
            "outcome": outcome,
            "revision": revision,
            "read_at": read_at,
            "applied_at": time.time_ns(),
        }
        try:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError:
            log.exception("the journal %s misses a line: %s", self._file, line)
