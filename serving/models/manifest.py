"""The manifest binds a model's files, its base, its data, its settings and its audit by their hashes.

It lies in the model's folder as `manifest.json`. Nothing is served whose files differ from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import AwareDatetime, Field, ValidationError

from telemetry.errors import AttestationError
from telemetry.events import AuditRef, ModelRef, Value, now
from telemetry.files import write_renamed

MANIFEST: Final = "manifest.json"


Kind = Literal["base", "candidate", "adapter"]


class Origin(Value):
    """How a model came to be here: made from an installed package, trained here, or adopted from elsewhere.

    `source` is what it was made of: a package's file, a folder, a hub's name, a URL. Files that are `linked` lie
    where they were; whoever changes them there changes this model, which is then refused.
    """

    how: Literal["package", "trained", "adopted"]
    source: str
    linked: bool = False


class EngineOfOthers(Value):
    """Where a model answers that others run: the engine's root, the model's name there, and who holds the key.

    `key_env` names the environment variable with the key. `tokenizer` is a folder with the model's tokenizer; without
    one nothing can be asked that needs tokens.
    """

    url: str
    model: str
    key_env: str | None = None
    tokenizer: str | None = None


class Manifest(Value):
    """What a model folder is. `sha256` is over the sorted file hashes; the audit is not part of it.

    A model that others run has an `engine`, and for files what it answered when it was adopted.

    `files` maps each path, relative to the folder, to its SHA-256. `adapter_sha256` is over the files below
    `adapter/`, where a candidate keeps the adapter that was merged into it. `settings` are what a training was asked
    for, `training` what came of it: the hash of each of its data, the checkpoint and the merge weights taken.
    `identity_sha256` is over the reference by which its answers are known again, where one was taken; like the audit it
    is about the model, and no part of its hash.
    """

    kind: Kind
    name: str
    created: AwareDatetime
    files: dict[str, str]
    sha256: str
    base_sha256: str | None = None
    adapter_sha256: str | None = None
    data_sha256: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    origin: Origin | None = None
    engine: EngineOfOthers | None = None
    audit: AuditRef | None = None
    identity_sha256: str | None = None

    @property
    def ref(self) -> ModelRef:
        """The model as a rollout names it."""
        return ModelRef(name=self.name, sha256=self.sha256)


def write_manifest(
    folder: Path,
    *,
    kind: Kind,
    name: str,
    base_sha256: str | None = None,
    data_sha256: str | None = None,
    settings: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
    origin: Origin | None = None,
    engine: EngineOfOthers | None = None,
) -> Manifest:
    """Hash every file of `folder` and write its manifest. Raises AttestationError where there is no folder."""
    files = hash_files(folder)
    adapter = {path: digest for path, digest in files.items() if path.startswith("adapter/")}
    manifest = Manifest(
        kind=kind,
        name=name,
        created=now(),
        files=files,
        sha256=whole_sha256(files),
        base_sha256=base_sha256,
        adapter_sha256=whole_sha256(adapter) if adapter else None,
        data_sha256=data_sha256,
        settings=settings or {},
        training=training or {},
        origin=origin,
        engine=engine,
    )
    _save(folder, manifest)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a model folder, as written; `attest` is what compares it with the files."""
    path = folder / MANIFEST
    if not folder.is_dir():
        raise AttestationError(
            f"no model folder at {folder}",
            hint="`belay prepare` makes the shipped base, `belay adopt` takes yours, `belay train` makes a candidate.",
        )
    if not path.is_file():
        raise AttestationError(
            f"{folder} has no {MANIFEST}, so nobody knows which model it should be",
            hint="A folder from elsewhere is taken in by `belay adopt FOLDER`, which changes nothing in it.",
        )
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise AttestationError(f"{path} cannot be read as a manifest: {error}") from error


def attest(folder: Path) -> Manifest:
    """Compare every file with the manifest; AttestationError names the first that differs.

    A file that the manifest does not name is refused too: a second weights file, a tokenizer or a
    generation config beside the known ones would change what is served.
    """
    manifest = read_manifest(folder)
    if whole_sha256(manifest.files) != manifest.sha256:
        raise _differs(folder / MANIFEST, "sha256", manifest.sha256, whole_sha256(manifest.files))
    found = hash_files(folder)
    for path, expected in manifest.files.items():
        if path not in found:
            raise AttestationError(f"{folder / path} is missing; the manifest expects sha256 {expected}")
        if found[path] != expected:
            raise _differs(folder / path, "content", expected, found[path])
    extra = sorted(found.keys() - manifest.files.keys())
    if extra:
        raise AttestationError(
            f"{folder} has files that its manifest does not name: {', '.join(extra)}",
            hint="Remove them, or build the folder again.",
        )
    return manifest


def bind_audit(folder: Path, audit: AuditRef) -> Manifest:
    """Write the audit into the manifest, renamed into place. The model's hash stays as it is."""
    manifest = read_manifest(folder).model_copy(update={"audit": audit})
    _save(folder, manifest)
    return manifest


def bind_identity(folder: Path, identity_sha256: str) -> Manifest:
    """Write the hash of the model's reference into its manifest, as `bind_audit` does its audit."""
    manifest = read_manifest(folder).model_copy(update={"identity_sha256": identity_sha256})
    _save(folder, manifest)
    return manifest


def bytes_sha256(content: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of one file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder` by its relative path, without the manifest and hidden files."""
    if not folder.is_dir():
        raise AttestationError(f"no model folder at {folder}")
    paths = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        path.as_posix(): file_sha256(folder / path)
        for path in paths
        if path.as_posix() != MANIFEST and not any(part.startswith(".") for part in path.parts)
    }


def whole_sha256(files: Mapping[str, str]) -> str:
    """SHA-256 over `path NUL hash LF` of every file, sorted by path."""
    digest = hashlib.sha256()
    for path, file_digest in sorted(files.items()):
        digest.update(f"{path}\0{file_digest}\n".encode())
    return digest.hexdigest()


def _differs(where: Path, what: str, expected: str, found: str) -> AttestationError:
    return AttestationError(
        f"{where}: {what} differs from the manifest: expected sha256 {expected}, found {found}",
        hint="The folder was changed after it was made. Build it again.",
    )


def _save(folder: Path, manifest: Manifest) -> None:
    write_renamed(folder / MANIFEST, (manifest.model_dump_json(indent=2) + "\n").encode())
