"""Pins: model folders that must stay as they are, because a rollout serves them or may go back to them.

A pin is a file `.pins/ROLLOUT.json` beside the model folders. It names models by their hashes, so it holds
whatever folder has such a model, and it lapses by itself at `until`. `router.control.pinning` writes and releases pins
as rollouts come and go; whoever replaces or removes a model folder asks `require_unpinned` first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pydantic import AwareDatetime, ValidationError

from serving.models.manifest import MANIFEST, read_manifest
from telemetry.codec import explain
from telemetry.errors import AttestationError, InfrastructureError, ModelPinned, UnreadableRecord
from telemetry.events import ModelRef, Value, now
from telemetry.files import write_renamed

PINS: Final = ".pins"
RELEASED: Final = "released.jsonl"


class Pin(Value):
    """The models of one rollout. `until` is None as long as the rollout ramps up: it then holds until released."""

    rollout_id: str
    models: tuple[ModelRef, ...]
    since: AwareDatetime
    until: AwareDatetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether it is in force."""
        return self.until is None or at < self.until


def write_pin(models: Path, pin: Pin) -> None:
    """Pin a rollout's models in the folder that the model folders lie in; a pin of the same rollout is replaced.

    Raises InfrastructureError where it cannot be written.
    """
    path = _path(models, pin.rollout_id)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_renamed(path, (pin.model_dump_json(indent=2) + "\n").encode())
    except OSError as error:
        raise InfrastructureError(
            f"cannot pin the models of rollout {pin.rollout_id!r} in {path}: {error.strerror}",
            hint="A rollout's models are pinned before it starts, so that it can be rolled back.",
        ) from error


def release_pin(models: Path, rollout_id: str) -> bool:
    """Take a rollout's pin away; whether there was one."""
    path = _path(models, rollout_id)
    there = path.is_file()
    path.unlink(missing_ok=True)
    return there


def release_by_hand(models: Path, rollout_id: str, actor: str, reason: str) -> bool:
    """The same on a person's word, which is recorded; whether there was a pin."""
    if not release_pin(models, rollout_id):
        return False
    line = {"time": now().isoformat(), "rollout_id": rollout_id, "actor": actor, "reason": reason}
    with (models / PINS / RELEASED).open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    return True


def read_pins(models: Path) -> list[Pin]:
    """Every pin in force beside the model folders, oldest first. Raises UnreadableRecord."""
    pins = [pin for pin in map(_read, sorted((models / PINS).glob("*.json"))) if pin.holds(now())]
    return sorted(pins, key=lambda pin: pin.since)


def require_unpinned(folder: Path) -> None:
    """Raise ModelPinned where a rollout's pin holds the model in `folder`. A folder without a model has none."""
    if not (folder / MANIFEST).is_file():
        return
    try:
        sha256 = read_manifest(folder).sha256
    except AttestationError:
        return  # nothing that could be served: a manifest that cannot be read is refused everywhere
    for pin in read_pins(folder.absolute().parent):
        if any(model.sha256 == sha256 for model in pin.models):
            raise ModelPinned(_told(folder, pin), hint=_what_to_do(pin))


def pinned_folders(models: Path) -> Iterator[tuple[Path, Pin]]:
    """Every model folder in `models` that a pin holds, with the pin."""
    for pin in read_pins(models):
        wanted = {model.sha256 for model in pin.models}
        for path in sorted(models.glob(f"*/{MANIFEST}")):
            try:
                found = read_manifest(path.parent).sha256
            except AttestationError:
                continue
            if found in wanted:
                yield path.parent, pin


def _told(folder: Path, pin: Pin) -> str:
    if pin.until is None:
        return f"{folder} is pinned: rollout {pin.rollout_id!r} is under way with it"
    return (
        f"{folder} is pinned until {pin.until:%Y-%m-%d %H:%M} UTC: until then rollout {pin.rollout_id!r} "
        "may be rolled back"
    )


def _what_to_do(pin: Pin) -> str:
    return (
        "Wait, use another name, or end the rollout: "
        f"`belay rollout rollback {pin.rollout_id} --by YOU --reason WHY`, or `close` in its place. Where it is over "
        f"and its control is gone: `belay rollout unpin {pin.rollout_id} --by YOU --reason WHY`."
    )


def _read(path: Path) -> Pin:
    try:
        return Pin.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UnreadableRecord(
            f"{path} is no pin: {explain(error)}",
            hint="It keeps a rollout's models; remove it only where you know that no rollout needs them.",
        ) from error


def _path(models: Path, rollout_id: str) -> Path:
    return models / PINS / f"{quote(rollout_id, safe='')}.json"
