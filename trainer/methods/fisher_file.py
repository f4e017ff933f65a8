"""The Fisher's sidecar: taken once per base and retention data, read by every run after.

A safetensors file: for each layer `NAME.diagonal` (bfloat16), or `NAME.rows` and `NAME.columns` (float32). Its
metadata say of which base, on which data and how the Fisher was taken; a file of another origin is refused.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from telemetry.errors import SettingsError
from telemetry.events import Value
from trainer.methods.fisher import Diagonal, Factors, Fisher, Kind, Storage

_ORIGIN: Final = "belay_fisher"  # the metadata's key


class Origin(Value):
    """What a Fisher depends on. `data_sha256` is over the encoded examples, `fisher.examples_sha256`."""

    base_sha256: str
    data_sha256: str
    kind: Kind
    samples: int
    storage: Storage
    seed: int


def default_sidecar(base: Path, origin: Origin) -> Path:
    """Beside the base's folder (inside it, base would not attest any more), under a name for this origin."""
    digest = hashlib.sha256(origin.model_dump_json().encode()).hexdigest()[:12]
    return base.parent / f"{base.name}.fisher-{digest}.safetensors"


def kept(path: Path, origin: Origin, take: Callable[[], Fisher]) -> Fisher:
    """The Fisher in `path`; where there is no such file, the one that `take` gives, which is then kept there."""
    if path.is_file():
        return load(path, origin)
    fisher = take()
    save(path, fisher, origin)
    return fisher


def save(path: Path, fisher: Fisher, origin: Origin) -> None:
    """Write the sidecar, renamed into place."""
    tensors: dict[str, torch.Tensor] = {}
    for name, diagonal in fisher.layers.items():
        if isinstance(diagonal, Factors):
            tensors |= {f"{name}.rows": diagonal.rows, f"{name}.columns": diagonal.columns}
        else:
            tensors[f"{name}.diagonal"] = diagonal
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        save_file(tensors, str(beside), metadata={_ORIGIN: origin.model_dump_json()})
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def load(path: Path, origin: Origin) -> Fisher:
    """Read a sidecar back. Raises SettingsError where it is damaged or of another origin, and says in what."""
    try:
        with safe_open(str(path), framework="pt") as file:
            found = Origin.model_validate_json((file.metadata() or {}).get(_ORIGIN, ""))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, ValidationError, OSError) as error:
        raise _refused(path, f"cannot be read as a Fisher's sidecar: {error}") from error
    differing = [
        f"{key} is {getattr(found, key)}, expected {wanted}"
        for key, wanted in origin.model_dump().items()
        if getattr(found, key) != wanted
    ]
    if differing:
        raise _refused(path, f"was taken otherwise: {'; '.join(differing)}")
    for name, values in tensors.items():
        if not bool((torch.isfinite(values) & (values >= 0)).all()):
            raise _refused(path, f"has values in {name} that are negative or not finite")
    return Fisher(_layers(path, tensors))


def _layers(path: Path, tensors: dict[str, torch.Tensor]) -> dict[str, Diagonal]:
    layers: dict[str, Diagonal] = {}
    for key, values in tensors.items():
        name, _, part = key.rpartition(".")
        if part == "diagonal" and values.dim() == 2:
            layers[name] = values
        elif part == "rows" and f"{name}.columns" in tensors:
            layers[name] = Factors(values, tensors[f"{name}.columns"])
        elif part != "columns" or f"{name}.rows" not in tensors:
            raise _refused(
                path, f"has a tensor {key} of shape {tuple(values.shape)}, which is no part of one"
            )
    return layers


def _refused(path: Path, why: str) -> SettingsError:
    return SettingsError(
        f"{path} {why}", hint="Remove it and the Fisher is taken again, or name another ewc.sidecar."
    )
