"""What a model of ours answered when it was audited, so that it is known again wherever it is served.

It lies in the model's folder as a hidden file, which is no part of the model, and the manifest has its hash. A model
that others run has it among its files (`identity_probes`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from serving.engines.identity import Identity
from serving.engines.identity_probes import VERSION, load_identity
from serving.models.manifest import bind_identity, bytes_sha256
from serving.models.store import StoredModel
from telemetry.errors import AttestationError
from telemetry.files import write_renamed

_DIGITS: Final = 16


def reference_file(folder: Path, sha256: str) -> Path:
    """Where the reference with that hash lies: under it, so that what another process takes is no change of this."""
    return folder / f".identity-{sha256[:_DIGITS]}.json"


def keep_reference(folder: Path, identity: Identity) -> None:
    """Write it into the folder of a model of ours, and its hash into the manifest; the model's hash stays."""
    content = (identity.model_dump_json(indent=2) + "\n").encode()
    sha256 = bytes_sha256(content)
    write_renamed(reference_file(folder, sha256), content)
    bind_identity(folder, sha256)


def reference_of(model: StoredModel) -> Identity | None:
    """What `model` answered when it was audited or adopted; None where nothing was kept, or for other probes.

    Raises AttestationError where it is not what the manifest says.
    """
    if model.manifest.engine is not None:
        return load_identity(model.folder)
    expected = model.manifest.identity_sha256
    if expected is None:
        return None
    path, hint = reference_file(model.folder, expected), f"Have it taken again: `belay audit {model.name}`."
    if model.manifest.kind == "base":
        hint = "Have it taken again: `belay baseline`."
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AttestationError(
            f"{path} is named by the manifest and cannot be read: {error}", hint=hint
        ) from error
    if bytes_sha256(content) != expected:
        raise AttestationError(
            f"{path}: content differs from the manifest: expected sha256 {expected}, found {bytes_sha256(content)}",
            hint=hint,
        )
    try:
        found = Identity.model_validate_json(content)
    except ValidationError as error:
        raise AttestationError(f"{path} does not say who the model is: {error}", hint=hint) from error
    return found if found.version == VERSION else None
