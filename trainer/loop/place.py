"""Where a training's unfinished work lies: in `.training` beside the candidates, until the candidate is whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.config import TrainSettings


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one training, by its name and the hash of its recipe: other settings, another folder."""

    root: Path
    name: str
    recipe: str

    @classmethod
    def of(cls, settings: TrainSettings, recipe: tuple[str, str, dict[str, Any]]) -> Place:
        """The place of a training with these settings."""
        said = json.dumps(recipe, sort_keys=True)
        digest = hashlib.sha256(said.encode()).hexdigest()
        return cls(settings.output.absolute().parent / ".training", settings.output.name, digest)

    @property
    def folder(self) -> Path:
        """What this training keeps."""
        return self.root / f"{self.name}-{self.recipe[:12]}"

    @property
    def answers(self) -> Path:
        """What base answered, for all trainings beside each other."""
        return self.root / "answers.sqlite"

    def others(self) -> list[Path]:
        """Unfinished trainings of the same name with other settings, base or data."""
        found = self.root.glob(f"{self.name}-{'[0-9a-f]' * 12}")
        return sorted(path for path in found if path != self.folder)

    def clear(self) -> None:
        """Remove what this training kept, now that its candidate is whole."""
        shutil.rmtree(self.folder, ignore_errors=True)
