"""Finds the audits and trainings of this machine and keeps what was read of a file until it changes.

Audits lie in `audits/NAME` beside the models' folder, trainings in the model folders themselves (docs/architecture.md).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import ValidationError

from router.control.board.reports.files import AuditFile, ManifestFile, TrainingFile
from router.control.board.reports.tickets import Tickets
from router.control.board.reports.told import Audits, AuditTold, Trainings, TrainingTold, Unreadable
from telemetry.codec import explain

MOST: Final = 200
"""Reports that are read, the newest ones."""
MOST_BYTES: Final = 64_000_000
NO_FOLDER: Final = "this control was given no models_folder, beside which audits and trainings lie"
Kind = Literal["audits", "trainings"]
PAGES: Final[dict[Kind, str]] = {"audits": "report.html", "trainings": "training.html"}
_FILES: Final[dict[Kind, str]] = {"audits": "audit.json", "trainings": "training.json"}
Found = TypeVar("Found", AuditTold, TrainingTold)
_Stamp = tuple[int, int]


class Shelf:
    """The reports beside `models`, the models' folder; None where there is none. Used by any thread."""

    def __init__(self, models: Path | None) -> None:
        self.tickets = Tickets()
        self._folders: dict[Kind, Path] = (
            {} if models is None else {"audits": models.parent / "audits", "trainings": models}
        )
        self._lock = threading.Lock()
        self._audits: dict[Path, tuple[_Stamp, AuditTold | Unreadable]] = {}
        self._trainings: dict[Path, tuple[_Stamp, TrainingTold | Unreadable]] = {}

    def audits(self, *, pages: bool) -> Audits:
        """All audits; with the addresses of their `pages` where whoever asks may see them."""
        with self._lock:
            found, bad, left_out = self._read("audits", self._audits, _audit)
        if pages:
            found = [one.model_copy(update={"page": self._page("audits", one.name)}) for one in found]
        return Audits(found=tuple(found), unreadable=tuple(bad), left_out=left_out, missing=self._missing)

    def trainings(self, *, pages: bool) -> Trainings:
        """All trainings, each with what its audit measured where it has one."""
        audited = {one.name: one for one in self.audits(pages=False).found}
        with self._lock:
            found, bad, left_out = self._read("trainings", self._trainings, _training)
        found = [_with_audit(one, audited.get(one.name)) for one in found]
        if pages:
            found = [one.model_copy(update={"page": self._page("trainings", one.name)}) for one in found]
        return Trainings(found=tuple(found), unreadable=tuple(bad), left_out=left_out, missing=self._missing)

    def page(self, kind: str, name: str) -> bytes | None:
        """A report's page; None where there is none. `name` is one of those in the folder, or finds nothing."""
        for known in PAGES:
            folder = self._folders.get(known)
            if known == kind and folder is not None and name in _names(folder):
                try:
                    return (folder / name / PAGES[known]).read_bytes()
                except OSError:
                    return None
        return None

    @property
    def _missing(self) -> str | None:
        return None if self._folders else NO_FOLDER

    def _page(self, kind: Kind, name: str) -> str | None:
        there = (self._folders[kind] / name / PAGES[kind]).is_file()
        return self.tickets.address(kind, name) if there else None

    def _read(
        self,
        kind: Kind,
        kept: dict[Path, tuple[_Stamp, Found | Unreadable]],
        read: Callable[[Path], Found],
    ) -> tuple[list[Found], list[Unreadable], int]:
        """What there is, newest first, read anew where its file is another; what is gone is forgotten."""
        folder = self._folders.get(kind)
        stamps = {} if folder is None else _stamps(folder, _FILES[kind])
        newest = sorted(stamps, key=lambda path: stamps[path], reverse=True)
        for path in kept.keys() - set(newest[:MOST]):
            del kept[path]
        for path in newest[:MOST]:
            if path not in kept or kept[path][0] != stamps[path]:
                kept[path] = stamps[path], _tolerant(path, stamps[path], read)
        told = [kept[path][1] for path in newest[:MOST]]
        found = [one for one in told if not isinstance(one, Unreadable)]
        found.sort(key=lambda one: one.at, reverse=True)
        bad = [one for one in told if isinstance(one, Unreadable)]
        return found, bad, max(0, len(newest) - MOST)


def _tolerant(path: Path, stamp: _Stamp, read: Callable[[Path], Found]) -> Found | Unreadable:
    name = path.parent.name
    try:
        if stamp[1] > MOST_BYTES:
            return Unreadable(
                name=name, why=f"{path.name} has {stamp[1]:,} bytes, expected {MOST_BYTES:,} at most"
            )
        return read(path)
    except ValidationError as error:
        return Unreadable(name=name, why=f"{path.name}: {explain(error)[:300]}")
    except OSError as error:
        return Unreadable(name=name, why=f"{error.filename or path}: {error.strerror}")


def _audit(path: Path) -> AuditTold:
    return AuditFile.model_validate_json(path.read_bytes()).told(path.parent.name)


def _training(path: Path) -> TrainingTold:
    manifest = ManifestFile.model_validate_json((path.parent / "manifest.json").read_bytes())
    return TrainingFile.model_validate_json(path.read_bytes()).told(path.parent.name, manifest)


def _with_audit(training: TrainingTold, audit: AuditTold | None) -> TrainingTold:
    """An audit's figures are of more items, which were not tuned on, and of the finished model."""
    if audit is None or audit.at < training.at:
        return training
    fields = {"measured": "audit", "verdict": audit.verdict, "base_target": audit.base_target}
    return training.model_copy(update=fields | {"target": audit.target, "retention": audit.retention})


def _stamps(folder: Path, file: str) -> dict[Path, _Stamp]:
    found = {}
    for name in _names(folder):
        path = folder / name / file
        try:
            stat = path.stat()
        except OSError:
            continue  # a model that others made, an audit under way
        found[path] = stat.st_mtime_ns, stat.st_size
    return found


def _names(folder: Path) -> Sequence[str]:
    """The folders in it. What begins with a dot is unfinished, and a name that is no text cannot be told."""
    try:
        names = [one.name for one in folder.iterdir() if not one.name.startswith(".")]
        return [name for name in names if name.encode(errors="replace").decode() == name]
    except OSError:
        return []
