"""The audit log: every change and every refusal, who, when, why and from where, in a file that is only added to.

Each line is synced to the disk before whoever asked is answered, and has its link in a chain of hashes
(`router.control.audit_chain`). The same entries go to `belay.audit-log`, which nothing compacts: an end that was cut
off here is still there.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from router.control.access import CALLER, Caller
from router.control.audit_chain import FIRST, link, verify
from telemetry.codec import explain
from telemetry.events import ChangeAudited, RolloutChanged, derived_id, now
from telemetry.files import write_renamed

log = logging.getLogger(__name__)

SOURCE: Final = "belay.control"
STRANGERS: Final = 60
"""Refusals of people who are not known that are written at once; beyond that one a minute, which counts the others."""
_REFILL_S: Final = 60.0
_BATCH: Final = 100


class Unpublished(NamedTuple):
    """An entry that the broker does not have yet, None for a line that is none; where the file goes on behind it."""

    entry: ChangeAudited | None
    end: int


class AuditLog:
    """One file, written by one process; safe to use from several threads. What cannot be written is logged, loudly."""

    def __init__(self, file: Path, clock: Callable[[], datetime] = now) -> None:
        self._file, self._clock = file, clock
        self._published_file = file.with_name(f"{file.name}.published")
        self._lock = threading.Lock()
        self._number, self._head = 0, FIRST
        self._room, self._refilled_at = float(STRANGERS), clock()
        self._unwritten = 0
        self._restore()
        self._published = self._published_before()

    def changed(self, before: RolloutChanged | None, after: RolloutChanged) -> None:
        """A rollout was changed: by whoever is being served, or by the machine."""
        caller = CALLER.get()
        self._add(
            rollout_id=after.spec.rollout_id,
            what=f"{before.status if before is not None else 'none'} -> {after.status}",
            outcome="changed",
            actor=after.actor,
            role=caller.role if caller is not None else None,
            origin=caller.origin if caller is not None else "control",
            reason=after.reason,
            before=before.revision if before is not None else None,
            after=after.revision,
            share=after.share,
            decision_id=after.decision_id,
        )

    def refused(self, caller: Caller, what: str, why: str, rollout_id: str = "", actor: str = "") -> None:
        """Something was refused. Strangers fill no disk: what is too much of them is counted."""
        if not caller.name and not actor and not self._room_for_a_stranger():
            self._unwritten += 1
            return
        self._add(
            rollout_id=rollout_id[:200],
            what=what[:200],
            outcome="refused",
            actor=caller.name or actor,
            role=caller.role,
            origin=caller.origin,
            reason=why[:2000],
        )

    def lines(self) -> list[str]:
        """Every line of the file, oldest first."""
        try:
            return self._file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    def unpublished(self) -> list[Unpublished]:
        """The oldest entries that the broker does not have yet, some at a time."""
        found: list[Unpublished] = []
        try:
            if self._file.stat().st_size <= self._published:
                return found
            with self._file.open("rb") as file:
                end = file.seek(self._published)
                for line in itertools.takewhile(
                    lambda line: line.endswith(b"\n"), itertools.islice(file, _BATCH)
                ):
                    end += len(line)
                    found.append(Unpublished(_entry(line), end))
        except FileNotFoundError:
            pass
        return found

    def published(self, end: int) -> None:
        """The broker has what lies before `end`. Told again after a kill, an entry has the same id."""
        self._published = end
        try:
            write_renamed(self._published_file, f"{end}\n".encode())
        except OSError as error:
            log.warning("entries of the audit log will be published again: %s", error)

    def _add(self, **said: Any) -> None:
        with self._lock:
            number = self._number + 1
            entry: dict[str, Any] = ChangeAudited(
                event_id=derived_id("audit", self._head, str(number)),
                time=self._clock(),
                source=SOURCE,
                number=number,
                previous=self._head,
                sha256="",
                unwritten=self._unwritten,
                **said,
            ).model_dump(mode="json")
            entry["sha256"] = link(entry)
            try:
                self._append(json.dumps(entry) + "\n")
            except OSError:
                log.exception("the audit log %s misses an entry: %s", self._file, entry)
                return
            self._number, self._head, self._unwritten = number, entry["sha256"], 0

    def _append(self, line: str) -> None:
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            size = os.fstat(descriptor).st_size
            content = line.encode()
            try:
                while content:
                    content = content[os.write(descriptor, content) :]
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(
                    descriptor, size
                )  # nobody was told of it, and the next line has to follow the last
                raise
        finally:
            os.close(descriptor)

    def _room_for_a_stranger(self) -> bool:
        with self._lock:
            passed = (self._clock() - self._refilled_at).total_seconds()
            self._room = min(float(STRANGERS), self._room + passed / _REFILL_S)
            self._refilled_at = self._clock()
            if self._room < 1.0:
                return False
            self._room -= 1.0
            return True

    def _restore(self) -> None:
        """Go on behind the last line. A line that was not written to its end was told to nobody, and is cut off."""
        try:
            content = self._file.read_bytes()
        except FileNotFoundError:
            return
        if content and not content.endswith(b"\n"):
            whole = content[: content.rfind(b"\n") + 1]
            log.warning(
                "%s ends in a part of a line, which is cut off: %r", self._file, content[len(whole) :][:500]
            )
            os.truncate(self._file, len(whole))
            content = whole
        lines = content.decode(errors="replace").splitlines()
        chain = verify(lines)
        self._number, self._head = chain.length, chain.head
        if chain.broken is not None:
            log.error("the audit log %s was tampered with: %s", self._file, chain.broken)
            self._go_on_behind(lines)

    def _go_on_behind(self, lines: list[str]) -> None:
        """What is broken stays broken, and what comes is added behind it all the same."""
        for line in reversed(lines):
            try:
                entry = ChangeAudited.model_validate_json(line)
            except ValidationError:
                continue
            self._number, self._head = entry.number, entry.sha256
            return

    def _published_before(self) -> int:
        try:
            said = int(self._published_file.read_text(encoding="utf-8"))
            return said if said <= self._file.stat().st_size else 0
        except (OSError, ValueError):
            return 0


def _entry(line: bytes) -> ChangeAudited | None:
    try:
        return ChangeAudited.model_validate_json(line)
    except ValidationError as error:
        log.error("a line of the audit log is no entry, and is not published: %s", explain(error))  # noqa: TRY400 - the message says it all
        return None
