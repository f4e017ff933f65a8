"""The rollout's state as a file: what control writes first and a router reads every few milliseconds."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

import pydantic_core
from pydantic import ValidationError

from telemetry.codec import explain, understood
from telemetry.errors import InfrastructureError, UnreadableRecord
from telemetry.events import DEFAULT_ROUTE, RolloutChanged
from telemetry.files import write_renamed

log = logging.getLogger(__name__)


def file_of(path: Path, route: str) -> Path:
    """Where the state of a route's rollout lies, `path` being the default route's file.

    >>> file_of(Path("rollout.json"), "acme/support")
    PosixPath('rollout.acme%2Fsupport.json')
    """
    if route == DEFAULT_ROUTE:
        return path
    return path.with_name(f"{path.stem}.{quote(route, safe='')}{path.suffix or '.json'}")


def files_beside(path: Path) -> dict[str, Path]:
    """The files of all routes that have one, by route, `path` being the default route's file."""
    before, after = f"{path.stem}.", path.suffix or ".json"
    found = {DEFAULT_ROUTE: path} if path.exists() else {}
    for file in sorted(path.parent.glob("*")):
        name = file.name
        if name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after):
            route = unquote(name[len(before) : len(name) - len(after)])
            if file_of(path, route) == file:
                found[route] = file
    return found


class RolloutFileTaken(InfrastructureError):
    """Another process writes this rollout file."""


@contextmanager
def writer_of(path: Path, who: str) -> Iterator[None]:
    """Be the one who writes the file at `path` for as long as this lasts; `who` is what others are told of it.

    The lock is a file beside it and ends with the process, however that ends. Raises RolloutFileTaken where another
    has it, InfrastructureError where there can be none.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise InfrastructureError(
            f"cannot take the lock {lock}: {error.strerror}",
            hint="Whoever writes a rollout file writes that file beside it too: make it writable for this user.",
        ) from error
    try:
        _take(descriptor, path, who)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, who: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
        raise RolloutFileTaken(
            f"{path} is written by {holder or 'another process'}, and one process writes a rollout file",
            hint="Stop that one, or give this one a file of its own; beside a control, a forwarder needs no "
            "rollout_file.",
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{who} (process {os.getpid()})\n".encode(), 0)


def write_rollout(path: Path, changed: RolloutChanged) -> bool:
    """Replace the file, unless it holds the same or a newer state; says whether it was replaced.

    Raises InfrastructureError where the file cannot be written.
    One process writes a file: control on its own machine, the forwarder on a router's; `writer_of` holds them to it.
    """
    try:
        if not replaces(changed, _held(path)):
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        write_renamed(path, changed.model_dump_json(indent=2).encode())
    except OSError as error:
        raise InfrastructureError(
            f"cannot write the rollout's state to {path}: {error.strerror}",
            hint="Routers that read this file keep the state before: make it writable, or free space.",
        ) from error
    return True


def _held(path: Path) -> RolloutChanged | None:
    try:
        return read_rollout(path)
    except UnreadableRecord as error:
        log.warning("replacing it: %s", error)
        return None


def read_rollout(path: Path) -> RolloutChanged | None:
    """The state in the file; None where there is no file. Raises UnreadableRecord."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return parse_rollout(content, path)


def parse_rollout(content: bytes, path: Path) -> RolloutChanged:
    """The state in this content of the file at `path`. Raises UnreadableRecord."""
    try:
        return understood(RolloutChanged, pydantic_core.from_json(content), RolloutChanged.EXACT)
    except ValueError as error:
        reason = explain(error) if isinstance(error, ValidationError) else f"it is not JSON: {error}"
        raise UnreadableRecord(
            f"{path} holds no rollout state: {reason}",
            hint="Control writes it anew at its next transition; delete the file to route all to base.",
        ) from error


def replaces(new: RolloutChanged, old: RolloutChanged | None) -> bool:
    """Whether `new` is to replace `old`.

    Of one rollout the higher revision stands. Another rollout replaces it only when its state is not older:
    a topic that is read from its start also brings the rollouts of the past.
    """
    if old is None:
        return True
    if new.spec.rollout_id == old.spec.rollout_id:
        return new.revision > old.revision
    return new.since >= old.since
