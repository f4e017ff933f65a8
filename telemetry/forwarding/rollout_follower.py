"""Brings what a router follows to a machine that runs neither control nor worker: over Kafka into files.

`belay.rollouts` becomes rollout files, and `belay.word-tables` the word tables by which shadows are drawn.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final

from telemetry.bus.protocols import Bus, Reader, Record
from telemetry.codec import decode
from telemetry.errors import InfrastructureError, UnreadableRecord
from telemetry.events import RolloutChanged, WordTableMade
from telemetry.rollout_file import file_of, write_rollout, writer_of
from telemetry.topics import ROLLOUTS, WORD_TABLES
from telemetry.word_table import write_table

log = logging.getLogger(__name__)

_POLL_S: Final = 0.2
_WAIT_S: Final = 1.0


class RolloutFollower:
    """A thread that writes each newer state into its route's file; `path` is the default route's.

    Word tables go into `tables` where it is given: there that of the default worker, beside it those of others.
    `check` raises what ended it, if anything did.
    """

    def __init__(self, bus: Bus, path: Path, stop: threading.Event, tables: Path | None = None) -> None:
        self._bus = bus
        self._path, self._tables = path, tables
        self._stop = stop
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="rollout-follower")

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def join(self) -> None:
        """Wait until it has ended; set `stop` before."""
        if self._thread.ident is not None:
            self._thread.join()

    def check(self) -> None:
        """Raise what ended the thread."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._follow_once_it_is_ours()
        except BaseException as error:  # noqa: BLE001 (raised again by check, in the main thread)
            self._failure = error

    def _follow_once_it_is_ours(self) -> None:
        """Follow as the file's writer; as long as another is that, wait for its end and leave the file alone."""
        told = ""
        while not self._stop.is_set():
            try:
                with writer_of(self._path, "a forwarder"):
                    while not self._stop.is_set():
                        self._follow_until_broken()
            except InfrastructureError as error:
                if error.message != told:
                    told = error.message
                    log.error("the rollout's state is not followed: %s", error)  # noqa: TRY400 - the message says it all
                self._stop.wait(_WAIT_S)

    def _follow_until_broken(self) -> None:
        try:
            self._bus.ensure_topics()
            topics = [ROLLOUTS] if self._tables is None else [ROLLOUTS, WORD_TABLES]
            with self._bus.reader(topics) as reader:
                self._follow(reader)
        except InfrastructureError as error:
            # Whatever it is, a rollback must come through as soon as it has passed.
            log.warning("the rollout's state is not followed: %s", error)
            self._stop.wait(_WAIT_S)

    def _follow(self, reader: Reader) -> None:
        while not self._stop.is_set():
            for record in reader.poll(_POLL_S):
                keep(record, self._path, self._tables)


def keep(record: Record, path: Path, tables: Path | None = None) -> bool:
    """Write the state in a record where it is newer, or the word table; says whether it was.

    `path` is the default route's file, `tables` the default worker's. What cannot be read is passed. Raises
    InfrastructureError where a file cannot be written.
    """
    if record.is_tombstone:
        return False
    try:
        event = decode(record)
    except UnreadableRecord as error:
        log.warning("passing over it: %s", error)
        return False
    if isinstance(event, WordTableMade) and tables is not None:
        return _keep_table(event, file_of(tables, event.worker))
    return isinstance(event, RolloutChanged) and write_rollout(file_of(path, event.spec.route), event)


def _keep_table(event: WordTableMade, file: Path) -> bool:
    """Of the tables that a topic brings from its start the last one stays, as at the worker."""
    try:
        write_table(file, event.table)
    except OSError as error:
        raise InfrastructureError(
            f"cannot write the word table to {file}: {error.strerror}",
            hint="The router draws shadows by the table before: make the file writable, or free space.",
        ) from error
    return True
