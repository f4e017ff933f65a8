"""What was asked once is not asked again: answers on disk, by the hash of everything that they depend on.

One SQLite file, written answer by answer, so that a process that is killed loses at most the answers in flight.
Each entry carries the hash of its content: one that was damaged is no answer, it is counted and asked again. A
file that SQLite cannot read at all is put aside and a new one begun. Nothing in here decides anything: without the
cache the same audit asks more and says the same.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from telemetry.errors import InfrastructureError

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, sha256 TEXT NOT NULL, content TEXT NOT NULL)"
)
_AT_ONCE: Final = 500
"""Keys looked up by one query; SQLite takes 999 parameters at least."""


def key_of(**parts: Any) -> str:
    """The hash under which an answer is kept: of all that it depends on, as sorted JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class AnswerCache:
    """JSON values by key, in one file. Used by any number of threads and processes; `close` it.

    `damaged` counts the entries that were not what was written. WAL keeps the file whole when a process dies; only a
    power cut may lose the last answers.
    """

    def __init__(self, file: Path) -> None:
        self.file, self.damaged = file, 0
        self._lock = threading.Lock()
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._open()
        except sqlite3.DatabaseError:
            self._begin_anew()

    def get(self, keys: Sequence[str]) -> dict[str, Any]:
        """The values of those `keys` that are there and whole."""
        found: dict[str, Any] = {}
        with self._lock:
            for start in range(0, len(keys), _AT_ONCE):
                for key, sha256, content in self._select(keys[start : start + _AT_ONCE]):
                    if hashlib.sha256(content.encode()).hexdigest() == sha256:
                        found[key] = json.loads(content)
                    else:
                        self.damaged += 1
        return found

    def put(self, values: Mapping[str, Any]) -> None:
        """Keep `values` by key; they are on disk when this returns. An older value under a key is replaced."""
        rows = []
        for key, value in values.items():
            content = json.dumps(value, ensure_ascii=False)
            rows.append((key, hashlib.sha256(content.encode()).hexdigest(), content))
        with self._lock:
            try:
                self._insert(rows)
            except sqlite3.OperationalError as error:
                raise InfrastructureError(
                    f"the answers in {self.file} cannot be kept: {error}",
                    hint="Is the disk full, or does another process hold the file? What was kept before stays.",
                ) from error
            except sqlite3.DatabaseError:
                self._begin_anew()
                self._insert(rows)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        self._connection = sqlite3.connect(self.file, timeout=30.0, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(_TABLE)
            self._connection.commit()
        except BaseException:
            self._connection.close()
            raise

    def _select(self, keys: Sequence[str]) -> list[tuple[str, str, str]]:
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, sha256, content FROM answers WHERE key IN ({marks})"  # noqa: S608 - question marks only
        try:
            return self._connection.execute(query, keys).fetchall()
        except sqlite3.DatabaseError:
            self._begin_anew()
            return []

    def _insert(self, rows: Sequence[tuple[str, str, str]]) -> None:
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)

    def _begin_anew(self) -> None:
        """Put a file that is no database aside, for whoever wants to look into it, and begin with an empty one."""
        self.damaged += 1
        if hasattr(self, "_connection"):
            self._connection.close()
        aside = self.file.with_name(f"{self.file.name}.damaged")
        self.file.replace(aside)
        for left in ("-wal", "-shm"):
            self.file.with_name(f"{self.file.name}{left}").unlink(missing_ok=True)
        self._open()
