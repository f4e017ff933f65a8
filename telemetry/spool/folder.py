"""The spool's folder: its id, its locks, and how its segments are named.

    folder/000000000007.records    frames, see `telemetry.spool.frames`
    folder/spool                   the id of this folder, and its first record's number
    folder/writer.lock             also names the start of the machine during which the last writer ran
    folder/reader.lock
    folder/0, folder/1, ...        of a router with several workers: a spool each, as this one

A place (id, segment, offset) is what consumers know a repeated record by, so no two records ever have the same:
a folder in which nothing tells what was there gets a new id, and after a start of the machine, which may have
taken segments with it that were sent already, numbers go on a long way from where they seem to have ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
from pathlib import Path
from typing import Final, NamedTuple

from telemetry.errors import SpoolError

_SUFFIX: Final = ".records"
_OLD_SUFFIX: Final = ".segment"
_IDENTITY: Final = re.compile(r"([0-9a-f]{32})(?: ([0-9]{1,20}))?")
_LEAP: Final = 1_000_000
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Segment(NamedTuple):
    """One file of records. `numbered` is False for those from before records had numbers."""

    number: int
    path: Path
    numbered: bool


def segment_path(folder: Path, number: int) -> Path:
    """Where the segment with this number lies."""
    return folder / f"{number:012d}{_SUFFIX}"


def segments(folder: Path) -> list[Segment]:
    """The segments in the folder, oldest first."""
    found = [
        Segment(int(entry.stem), entry, entry.suffix == _SUFFIX)
        for entry in folder.iterdir()
        if entry.suffix in (_SUFFIX, _OLD_SUFFIX) and entry.stem.isdigit()
    ]
    return sorted(found)


def segment_numbers(folder: Path) -> list[int]:
    """The numbers of the segments in the folder, oldest first."""
    return [segment.number for segment in segments(folder)]


def lock(path: Path, who: str) -> int:
    """Take the lock file for this process's life and return its descriptor; SpoolError where it is taken."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise SpoolError(
            f"the spool {path.parent} already has a {who}",
            hint=f"One {who} a spool: stop the other process, or give this one a folder of its own.",
        ) from error
    return descriptor


def open_folder(folder: Path) -> None:
    """Create the folder where it is missing; SpoolError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SpoolError(
            f"the spool folder {folder} cannot be used: {error.strerror}",
            hint="It must be a folder that this user may write to.",
        ) from error


def worker_folder(folder: Path, number: int) -> Path:
    """Where the spool of one of several workers lies."""
    return folder / str(number)


def worker_folders(folder: Path) -> list[Path]:
    """The spools of workers that are in a spool's folder. Raises SpoolError where it cannot be read."""
    try:
        found = [entry for entry in folder.iterdir() if entry.name.isdecimal() and entry.is_dir()]
    except OSError as error:
        raise SpoolError(f"the spool folder {folder} cannot be read: {error.strerror}") from error
    return sorted(found, key=lambda entry: int(entry.name))


class Identity(NamedTuple):
    """The folder's id, and the number of the first record under it; 0 where that is not known."""

    id: str
    first: int


def identity(folder: Path, anew_from: int | None = None) -> Identity:
    """Who the folder is; made where nobody knows, replaced by `anew_from`, its first record. Raises OSError."""
    path = folder / "spool"
    if anew_from is None and (known := _read_identity(path)):
        return known
    made = Identity(secrets.token_hex(16), anew_from or 0)
    beside = path.with_name(f".spool.{os.getpid()}.new")
    try:
        _write_synced(beside, f"{made.id} {made.first}".encode())
        if anew_from is not None or path.exists():
            beside.replace(path)
        else:
            # Reader and writer may make it at the same time: whoever comes second takes the first one's.
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(beside)
        sync_folder(folder)
    finally:
        beside.unlink(missing_ok=True)
    return _read_identity(path) or made


def sync_folder(folder: Path) -> None:
    """Make durable which files the folder has."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def leap(writer_lock: int, boot: str | None = None) -> int:
    """How many segment numbers a writer leaves out: none, unless the machine may have started anew since the last one.

    The lock file keeps which start that was, by the kernel's own id (`boot`); where there is none, every writer leaps.
    """
    boot = boot_id() if boot is None else boot
    before = os.pread(writer_lock, 64, 0).decode(errors="replace")
    if boot and boot == before:
        return 0
    with contextlib.suppress(OSError):  # a full disk: the next writer leaps as well
        os.ftruncate(writer_lock, 0)
        os.pwrite(writer_lock, boot.encode(), 0)
    return _LEAP


def boot_id() -> str:
    """What the kernel calls this start of the machine; empty where it does not say."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _read_identity(path: Path) -> Identity | None:
    try:
        found = _IDENTITY.fullmatch(path.read_text(encoding="ascii"))
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return None if found is None else Identity(found[1], int(found[2] or 0))


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
