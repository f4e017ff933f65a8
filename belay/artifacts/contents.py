"""What of a home goes into a store: the files of one artefact with their hashes. Links and pickles do not."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from belay.artifacts.entry import (
    MOST_FILES,
    SINGLE_FILES,
    ArtifactError,
    Kind,
    StoredFile,
    hidden,
    wrong_with,
)
from serving.models.manifest import MANIFEST, read_manifest, whole_sha256
from telemetry.errors import AttestationError

CHUNK: Final = 4 << 20
Counted = Callable[[int], None]
"""Called with the bytes that have just been dealt with."""
_PROTOCOLS: Final = tuple(bytes((0x80, number)) for number in range(2, 6))


def silent(count: int) -> None:
    """Count for nobody."""


def paths_of(kind: Kind, place: Path) -> dict[str, Path]:
    """The files of the artefact at `place` by their relative paths; hidden ones, as what is being written is, are not.

    Raises ArtifactError for a link, a pickle and a name that no store takes.
    """
    if place.is_symlink() or (not place.is_file() if kind in SINGLE_FILES else not place.is_dir()):
        wanted = "file" if kind in SINGLE_FILES else "folder"
        raise ArtifactError(f"{place} is {'a link' if place.is_symlink() else f'no {wanted}'}")
    if kind in SINGLE_FILES:
        return {place.name: place}
    found = dict(_below(place))
    if not found or len(found) > MOST_FILES:
        raise ArtifactError(f"{place} has {len(found):,} files, expected 1 to {MOST_FILES:,}")
    return found


def contents_of(kind: Kind, place: Path, counted: Counted = silent) -> dict[str, StoredFile]:
    """Hash and size of each file of the artefact at `place`. Raises ArtifactError, and AttestationError of a model."""
    files: dict[str, StoredFile] = {}
    for name, path in paths_of(kind, place).items():
        require_no_pickle(path)
        digest, size = hashlib.sha256(), 0
        for chunk in chunks_of(path, counted):
            digest.update(chunk)
            size += len(chunk)
        files[name] = StoredFile(sha256=digest.hexdigest(), bytes=size)
    require_whole(kind, place, {name: file.sha256 for name, file in files.items()})
    return files


def chunks_of(path: Path, counted: Counted = silent) -> Iterator[bytes]:
    """A file's content a few megabytes at a time."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
            counted(len(chunk))


def require_no_pickle(path: Path) -> None:
    """Raise ArtifactError where the content is a pickle, bare or in a zip as torch writes it, whatever its name.

    What is named safetensors is read as that and runs nothing; its first bytes, a length, may look like a pickle's.
    """
    if path.suffix == ".safetensors":
        return
    with path.open("rb") as file:
        start = file.read(4)
    pickled = start.startswith(_PROTOCOLS)
    if start.startswith(b"PK\3\4"):
        try:
            with zipfile.ZipFile(path) as archive:
                pickled = any(name.endswith((".pkl", ".pickle")) for name in archive.namelist())
        except zipfile.BadZipFile:
            pickled = False  # whoever reads it finds it damaged
    if pickled:
        raise ArtifactError(
            f"{path} is a pickle, and reading a pickle runs its code",
            hint="Keep weights as safetensors, which hold numbers alone.",
        )


def require_whole(kind: Kind, place: Path, hashes: Mapping[str, str]) -> None:
    """Raise AttestationError where a model's files, by these hashes, are not what its own manifest says."""
    if kind != "models":
        return
    manifest = read_manifest(place)
    found = {path: sha256 for path, sha256 in hashes.items() if path != MANIFEST and path[0] != "."}
    differing = sorted(path for path, _ in found.items() ^ manifest.files.items())
    if differing or whole_sha256(found) != manifest.sha256:
        raise AttestationError(
            f"{place} is not what its {MANIFEST} says: {differing[0] if differing else 'its sha256'} differs",
            hint="The model was changed after it was made. Build or adopt it again.",
        )


def _below(place: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if hidden(name):
            continue
        if path.is_symlink():
            raise ArtifactError(
                f"{path} is a link, and only what lies in the home is stored",
                hint="Take the model in with its files: `belay adopt FOLDER --copy`.",
            )
        if path.is_file():
            if wrong := wrong_with(name):
                raise ArtifactError(f"{path}: the path {name!r} {wrong}")
            yield name, path
