"""The rollout's state as a file: what control writes first and a router reads every few milliseconds."""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import ValidationError

from telemetry.codec import explain
from telemetry.errors import InfrastructureError, UnreadableRecord
from telemetry.events import RolloutChanged
from telemetry.files import write_renamed

log = logging.getLogger(__name__)


def write_rollout(path: Path, changed: RolloutChanged) -> bool:
    """Replace the file, unless it holds the same or a newer state; says whether it was replaced.

    Raises InfrastructureError where the file cannot be written.
    One process writes a file: control on its own machine, the forwarder on a router's.
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
        return RolloutChanged.model_validate_json(content)
    except ValidationError as error:
        raise UnreadableRecord(
            f"{path} holds no rollout state: {explain(error)}",
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
