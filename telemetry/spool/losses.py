"""What the spool lost, record by record: which numbers, where, and how.

    folder/dropped.json    what the quota cost, written by the writer
    folder/lost.json       what the reader found missing, written by the reader

Both have the sum of the records in the spool's life, and the last few losses one by one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pydantic_core
from pydantic import Field, ValidationError

from telemetry.events import Value
from telemetry.files import write_renamed

LOST: Final = "lost.json"
DROPPED: Final = "dropped.json"
KEPT: Final = 100


class Loss(Value):
    """Records `first` to `last` of a spool, both included; 0 where they are from before records had numbers.

    They lay in `segment`, or between it and `until`, the segment in which reading went on. `time` is when it was
    found (ISO 8601, UTC).
    """

    records: int = Field(ge=1)
    first: int = 0
    last: int = 0
    segment: int
    until: int
    what: str
    time: str

    def __str__(self) -> str:
        where = f"segment {self.segment:012d}"
        if self.until != self.segment:
            where += f" to {self.until:012d}"
        numbers = f"numbers {self.first} to {self.last}" if self.first else "from before records had numbers"
        return f"{self.records} records ({numbers}) in {where}: {self.what}"


class Ledger:
    """One of the two files. A file that cannot be read counts as empty: it is never worth more than the records."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.records = 0
        self.losses: tuple[Loss, ...] = ()
        self.saved = True
        self.read()

    def read(self) -> None:
        """Read the file again."""
        try:
            fields: dict[str, Any] = pydantic_core.from_json(self._path.read_bytes())
            losses = tuple(Loss.model_validate(loss) for loss in fields.get("losses", ()))
            self.records, self.losses = int(fields["records"]), losses
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
            return

    def add(self, loss: Loss) -> bool:
        """Take a loss in; False where it is known already. A loss that goes on where the last one ended joins it."""
        if loss.first and any(known.first <= loss.first and loss.last <= known.last for known in self.losses):
            return False
        before = self.losses[-1] if self.losses else None
        if before is not None and loss.first and loss.first == before.last + 1 and loss.what == before.what:
            grown = {"records": before.records + loss.records, "last": loss.last, "until": loss.until}
            self.losses = (*self.losses[:-1], before.model_copy(update=grown | {"time": loss.time}))
        else:
            self.losses = (*self.losses, loss)[-KEPT:]
        self.records += loss.records
        self.saved = False
        return True

    def save(self) -> None:
        """Write the file, where it has something new. Raises OSError."""
        if not self.saved:
            content = {"records": self.records, "losses": [loss.model_dump() for loss in self.losses]}
            write_renamed(self._path, json.dumps(content).encode())
            self.saved = True


def without(first: int, last: int, known: Iterable[Loss]) -> list[tuple[int, int]]:
    """The ranges of numbers from `first` to `last` that are in none of the known losses."""
    left = []
    for loss in sorted(known, key=lambda loss: loss.first):
        if loss.first > last:
            break
        if loss.last < first:
            continue
        if loss.first > first:
            left.append((first, loss.first - 1))
        first = max(first, loss.last + 1)
    return [*left, (first, last)] if first <= last else left
