"""What a store says of one artefact: its files by path, each with hash and size. Checked whole before it is believed.

A store may be written by others, so a path that leads out of the artefact's folder, a hash that is none and a
count or a size without bound end here, before a single file is asked for.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AwareDatetime, Field, ValidationError, field_validator, model_validator

from serving.models.manifest import whole_sha256
from telemetry.errors import UsageError
from telemetry.events import Value
from telemetry.mistakes import explain

Kind = Literal["models", "baselines", "audits", "taggers"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SINGLE_FILES: Final[frozenset[Kind]] = frozenset({"taggers"})
"""Kinds whose artefacts are one file and no folder."""
MOST_FILES: Final = 10_000
LARGEST_ENTRY: Final = 8 << 20
"""Bytes of an entry: some 10,000 files with long names."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+=-]{0,199}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_REFERENCE: Final = re.compile(r"\.identity-[0-9a-f]{16}\.json")
"""A model's reference (`serving.engines.references`): hidden, because it is no part of the model's own hash."""
_PICKLED: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill")
"""What torch, scikit-learn and Python name files whose reading runs code."""


class ArtifactError(UsageError):
    """An artefact that is not there, is not what its entry says, or may not be stored."""


class StoredFile(Value):
    """One file of an artefact; its content lies in the store under its hash."""

    sha256: Sha256
    bytes: Annotated[int, Field(ge=0)]


class Artifact(Value):
    """One artefact as its store has it. `sha256` is over the paths and hashes of its files, as a model's is."""

    format: Literal["belay-artifact-1"] = "belay-artifact-1"
    kind: Kind
    name: Name
    sha256: Sha256
    pushed: AwareDatetime
    files: Annotated[dict[str, StoredFile], Field(min_length=1, max_length=MOST_FILES)]

    @field_validator("files")
    @classmethod
    def _paths_stay_inside(cls, files: dict[str, StoredFile]) -> dict[str, StoredFile]:
        for path in files:
            if wrong := wrong_with(path):
                raise ValueError(f"the path {path!r} {wrong}")
        return files

    @model_validator(mode="after")
    def _is_what_its_hash_says(self) -> Self:
        found = whole_sha256(self.hashes)
        if found != self.sha256:
            raise ValueError(f"sha256 is {self.sha256[:12]}, its files make {found[:12]}")
        if self.kind in SINGLE_FILES and list(self.files) != [self.name]:
            raise ValueError(f"an artefact of {self.kind} is one file called {self.name!r}")
        return self

    @property
    def ref(self) -> str:
        """What commands call it by."""
        return f"{self.kind}/{self.name}"

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each file by its path."""
        return {path: file.sha256 for path, file in self.files.items()}

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files.values())


def hidden(path: str) -> bool:
    """Whether a file is hidden, as what is being written is. What a model is known again by is not meant by that."""
    return not _REFERENCE.fullmatch(path) and any(part.startswith(".") for part in path.split("/"))


def wrong_with(path: str) -> str:
    """Why a file of this path in its artefact's folder is neither stored nor written; nothing where it is."""
    parts = path.split("/")
    if not path.isprintable() or "\\" in path or len(path) > 1024:
        return "has characters that no path here has, or more than 1,024 of them"
    if any(part in ("", ".", "..") for part in parts) or ":" in parts[0]:
        return "leads out of the artefact's folder"
    if hidden(path):
        return "is hidden"
    if path.lower().endswith(_PICKLED):
        return "is named as a pickle, and reading a pickle runs its code"
    return ""


def read_entry(content: bytes, kind: Kind, name: str, where: str) -> Artifact:
    """The artefact that an entry describes. Raises ArtifactError where it is none, or one of another artefact."""
    try:
        found = Artifact.model_validate_json(content)
    except ValidationError as error:
        told = "\n".join(explain(error, Artifact))
        raise ArtifactError(
            f"{where} is no entry of an artefact, or was changed:\n{told}",
            hint="Push the artefact again from where it was made, with --replace.",
        ) from error
    if (found.kind, found.name) != (kind, name):
        raise ArtifactError(
            f"{where} describes {found.ref}, expected {kind}/{name}",
            hint="Somebody moved it within the store. Push the artefact again, with --replace.",
        )
    return found
