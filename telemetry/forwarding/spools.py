"""All spools of a router as one: its folder's own, and the numbered ones in it that several workers write.

    folder/...        a router of one process
    folder/0/...      a worker's each; one that nobody writes any more is emptied as every other

What was written under another number of workers is read too, so that the number may change at any start.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, Self

from telemetry.spool.folder import worker_folders
from telemetry.spool.losses import Loss
from telemetry.spool.reader import Spooled, SpoolReader

_LOOK_EVERY_S: Final = 0.5


class Spools:
    """Reads in turn. `read`, `rewind`, `acknowledge` and `trouble` are a spool reader's, over all of them."""

    def __init__(self, folder: Path, first: SpoolReader | None = None) -> None:
        self._folder = folder
        self._looked = 0.0
        self._readers = {folder: first or SpoolReader(folder)}
        try:
            self._look()
        except BaseException:
            self.close()
            raise

    @property
    def trouble(self) -> str:
        """Why a cursor is not on the disk; empty where all are."""
        return "; ".join(filter(None, (reader.trouble for reader in self._readers.values())))

    def read(self, max_records: int, max_bytes: int) -> list[Spooled]:
        """Up to so many records of all spools, in the order of each; every spool has its share of a full batch."""
        self._look()
        found: list[Spooled] = []
        readers = list(self._readers.values())
        for number, reader in enumerate(readers):
            left = len(readers) - number
            records, room = max_records - len(found), max_bytes - sum(len(one.payload) for one in found)
            if records <= 0 or room <= 0:
                break
            found += reader.read(-(-records // left), -(-room // left))
        self._take_turns()
        return found

    def rewind(self) -> None:
        """Go back to what was acknowledged, in each."""
        for reader in self._readers.values():
            reader.rewind()

    def acknowledge(self) -> None:
        """Remember that all that `read` returned is done."""
        for reader in self._readers.values():
            reader.acknowledge()

    def lag_bytes(self) -> int:
        """Bytes that are not acknowledged, in all of them."""
        return sum(reader.lag_bytes() for reader in self._readers.values())

    def losses(self) -> Losses:
        """What was dropped, torn and lost, read anew."""
        return Losses(list(self._readers.values()))

    def close(self) -> None:
        """Let go of the files."""
        for reader in self._readers.values():
            reader.close()

    def _look(self) -> None:
        """Find the spools of workers that began since the last look. Raises SpoolError where one has a reader."""
        moment = time.monotonic()
        if self._looked and moment - self._looked < _LOOK_EVERY_S:
            return
        self._looked = moment
        for folder in worker_folders(self._folder):
            if folder not in self._readers:
                self._readers[folder] = SpoolReader(folder)

    def _take_turns(self) -> None:
        """Have another spool be the first one of the next batch: one that is always full starves no other."""
        folder = next(iter(self._readers))
        self._readers[folder] = self._readers.pop(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Losses:
    """What the spools miss, together. Counts are of the spools' lives, but `torn` since their reader began."""

    def __init__(self, readers: list[SpoolReader]) -> None:
        self._missing = [reader.missing for reader in readers]
        for missing in self._missing:
            missing.dropped.read()
        self.dropped = sum(missing.dropped.records for missing in self._missing)
        self.torn = sum(missing.torn for missing in self._missing)
        self.lost = sum(missing.lost.records for missing in self._missing)

    def latest(self, count: int) -> list[Loss]:
        """The last few losses, newest last."""
        found = [loss for missing in self._missing for loss in missing.latest(count)]
        return sorted(found, key=lambda loss: loss.time)[-count:]
