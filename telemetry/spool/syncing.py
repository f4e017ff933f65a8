"""When what the spool's writer wrote is made durable, and by whom.

    never       nobody: the kernel writes when it likes. A power cut costs what it had not written, about the last 30 s
    interval    a thread beside the writer, five times a second: a power cut costs at most what came since
    always      the writer, with every record: a power cut costs none. A request waits for the disk

A process that dies, whatever by, costs nothing under any of them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from telemetry.spool.disk import Disk

SyncPolicy = Literal["never", "interval", "always"]
INTERVAL_S: Final = 0.2

log = logging.getLogger(__name__)


class Syncer:
    """The thread beside the writer. `written` is the number of the last record; `keep` writes it to the folder.

    Files are handed over when they have ended and closed here, so that none is closed while it is being synced.
    """

    def __init__(
        self,
        folder: Path,
        policy: SyncPolicy,
        disk: Disk,
        written: Callable[[], int],
        keep: Callable[[int], None],
    ) -> None:
        self._folder, self._policy, self._disk = folder, policy, disk
        self._written, self._keep = written, keep
        self._lock = threading.Lock()
        self._current = -1
        self._ended: list[int] = []
        self._begun = False
        self._synced = self._kept = -1
        self._complained = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spool-sync", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def begins(self, file: int) -> None:
        """The writer goes on in this new file; the one before has ended. Raises OSError where it syncs at once."""
        with self._lock:
            if self._current >= 0:
                self._ended.append(self._current)
            self._current, self._begun = file, True
        if self._policy == "always":
            self._disk.sync_folder(self._folder)

    def close(self) -> None:
        """Make durable what is left and close all files."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        with self._lock:
            if self._current >= 0:
                self._ended.append(self._current)
            self._current = -1
        self.round()

    def round(self) -> None:
        """One turn: the number is kept, the files are synced, those that have ended closed."""
        with self._lock:
            ended, self._ended = self._ended, []
            current, begun, self._begun = self._current, self._begun, False
        number = self._written()
        try:
            if self._policy != "never":
                if number != self._synced:
                    for file in (*ended, *((current,) if current >= 0 else ())):
                        self._disk.fdatasync(file)
                    self._synced = number
                if begun:
                    self._disk.sync_folder(self._folder)
                    begun = False
            if number != self._kept:
                self._keep(number)
                self._kept = number
            self._complained = False
        except OSError as error:
            self._begun = self._begun or begun
            if not self._complained:
                log.error("the spool %s is not made durable: %s", self._folder, error)  # noqa: TRY400 - no stack helps
            self._complained = True
        finally:
            for file in ended:
                self._disk.close(file)

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            self.round()
