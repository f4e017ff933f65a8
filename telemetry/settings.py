"""Settings: frozen, checked, read from YAML, and every mistake in them explained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telemetry.errors import SettingsError
from telemetry.mistakes import explain

Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseModel):
    """What all settings are: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


S = TypeVar("S", bound=BaseModel)


def load_settings(path: Path, kind: type[S], *, hint: str = "") -> S:
    """Settings from a YAML file; relative paths in it are taken as they are.

    Raises SettingsError, which names the file, each key that is wrong, and for an unknown key the near one; with `hint`
    where there is no such file.
    """
    if not path.is_file():
        raise SettingsError(
            f"no settings file at {path}",
            hint=hint
            or f"It should hold the {kind.__name__} as YAML; `belay demo` leaves one of each in .belay/runs/.",
        )
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise SettingsError(f"{path}: expected a mapping at the top, found {type(data).__name__}")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise SettingsError(f"{path}:\n" + "\n".join(explain(error, kind))) from error
