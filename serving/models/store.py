"""The models of one home, by name: each a folder with its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from serving.models.manifest import MANIFEST, Kind, Manifest, read_manifest
from telemetry.errors import AttestationError, UsageError
from telemetry.events import ModelRef
from telemetry.mistakes import did_you_mean

SHIPPED = "base"
"""The name of the base that `belay prepare` makes."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model folder and what its manifest says. `name` is the folder's: what commands call the model by."""

    folder: Path
    manifest: Manifest

    @classmethod
    def at(cls, folder: Path) -> StoredModel:
        """The model in `folder`. Raises AttestationError where there is none."""
        return cls(folder, read_manifest(folder))

    @property
    def name(self) -> str:
        """What commands call it."""
        return self.folder.name

    @property
    def ref(self) -> ModelRef:
        """The model as a rollout names it."""
        return self.manifest.ref

    @property
    def served_name(self) -> str:
        """How an engine calls it as an adapter: by name and hash, so that another one under its name is no match."""
        return f"{self.name}@{self.manifest.sha256[:12]}"


class ModelStore:
    """The model folders that lie beside each other in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Of every folder with a manifest, sorted."""
        return sorted(path.parent.name for path in self.folder.glob(f"*/{MANIFEST}"))

    def every(self, *kinds: Kind) -> Iterator[StoredModel]:
        """The models of these kinds (of all, where none is given) whose manifest can be read, by name."""
        for name in self.names():
            try:
                found = StoredModel.at(self.folder / name)
            except AttestationError:
                continue
            if not kinds or found.manifest.kind in kinds:
                yield found

    def get(self, name: str) -> StoredModel:
        """The model called `name`. Raises AttestationError, with the name that was probably meant."""
        if name not in self.names() and not (self.folder / name).is_dir():
            names = self.names()
            there = f"there are {', '.join(names)}" if names else "there is none yet"
            raise AttestationError(
                f"no model {name!r} in {self.folder}{did_you_mean(name, names) or f'; {there}'}",
                hint=_HOW_MODELS_COME,
            )
        return StoredModel.at(self.folder / name)

    def base(self, name: str | None = None) -> StoredModel:
        """The base called `name`, or the only one there is. Raises AttestationError and UsageError."""
        if name is not None:
            found = self.get(name)
            if found.manifest.kind != "base":
                raise UsageError(
                    f"{name!r} is a {found.manifest.kind}, expected a base",
                    hint=f"Bases here: {self._told('base')}.",
                )
            return found
        bases = list(self.every("base"))
        if not bases:
            raise AttestationError(f"no base in {self.folder}", hint=_HOW_MODELS_COME)
        if len(bases) > 1:
            raise UsageError(
                f"{self.folder} has several bases: {self._told('base')}", hint="Say which: --base NAME."
            )
        return bases[0]

    def base_of(self, model: StoredModel) -> StoredModel:
        """The base that `model` was made from. Raises AttestationError where it is not here."""
        if model.manifest.kind == "base":
            return model
        wanted = model.manifest.base_sha256
        if wanted is None:
            raise AttestationError(
                f"{model.folder} does not say which base it was made from",
                hint="Adopt it with its base: `belay adopt FOLDER --as candidate --base NAME`.",
            )
        for base in self.every("base"):
            if base.manifest.sha256 == wanted:
                return base
        raise AttestationError(
            f"{model.name!r} was made from a base with sha256 {wanted[:12]}, which is not in {self.folder}; "
            f"bases here: {self._told('base') or 'none'}",
            hint="Adopt that base: `belay adopt FOLDER --as base`.",
        )

    def tokenizer_of(self, model: StoredModel) -> Path | None:
        """The folder with the model's tokenizer: of an adapter its base's; None where others run it and gave none."""
        if model.manifest.engine is not None:
            given = model.manifest.engine.tokenizer
            return Path(given) if given else None
        return self.base_of(model).folder if model.manifest.kind == "adapter" else model.folder

    def _told(self, kind: Kind) -> str:
        return ", ".join(f"{m.name} ({m.manifest.sha256[:12]})" for m in self.every(kind))


_HOW_MODELS_COME = (
    "`belay prepare` makes the shipped base, `belay adopt` takes in a model of yours, "
    "`belay train` makes a candidate."
)
