"""What environment variables and a folder of secrets say of settings, and which of them said it.

`BELAY_BUS__SASL_PASSWORD` is the key `sasl_password` of `bus`; in the folder that `BELAY_SECRETS_DIR` names it is
the file `bus__sasl_password`. The environment is shared by all processes, the folder may be: what is at its top no
key of these settings is somebody else's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pydantic_settings
from pydantic import BaseModel
from pydantic_settings import EnvSettingsSource, NestedSecretsSettingsSource

from telemetry.errors import SettingsError

PREFIX: Final = "BELAY_"
INSIDE: Final = "__"
SECRETS_DIR: Final = "BELAY_SECRETS_DIR"

Origins = Mapping[tuple[int | str, ...], str]
"""The name of what set a key, by the way to it."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """Values for some keys of settings, nested as the settings are, and where each came from."""

    values: dict[str, Any] = field(default_factory=dict, repr=False)
    origins: Origins = field(default_factory=dict)

    def over(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data with these values in place of its own."""
        return _merged(data, self.values)


@dataclass(frozen=True, slots=True)
class Layers:
    """What is set beside a file, by where it was said."""

    secrets: Overlay
    environment: Overlay

    def together(self) -> Overlay:
        """Both as one: the environment goes before the secrets."""
        origins = {**self.secrets.origins, **self.environment.origins}
        return Overlay(self.environment.over(self.secrets.values), origins)


def layers(kind: type[BaseModel]) -> Layers:
    """What is set of `kind` beside its file; an empty variable sets nothing.

    Raises SettingsError where the folder of secrets cannot be read or a value is no JSON that has to be.
    """
    return Layers(_secrets(kind), _environment(kind))


def overlay(kind: type[BaseModel]) -> Overlay:
    """As `layers`, both as one."""
    return layers(kind).together()


def _environment(kind: type[BaseModel]) -> Overlay:
    source = EnvSettingsSource(
        kind,  # type: ignore[arg-type] # a source reads a model's fields and asks no more of it
        case_sensitive=False,
        env_prefix=PREFIX,
        env_nested_delimiter=INSIDE,
        env_ignore_empty=True,
    )
    origins = {
        place: name.upper()
        for name in source.env_vars
        if name.startswith(PREFIX.lower()) and (place := _place(name[len(PREFIX) :]))[0] in kind.model_fields
    }
    return _read(source, origins)


def _secrets(kind: type[BaseModel]) -> Overlay:
    folder = os.environ.get(SECRETS_DIR)
    if not folder:
        return Overlay()
    try:
        source = NestedSecretsSettingsSource(
            kind,  # type: ignore[arg-type] # as above
            secrets_dir=folder,
            secrets_dir_missing="error",
            secrets_prefix="",
            secrets_nested_delimiter=INSIDE,
        )
    except (pydantic_settings.SettingsError, OSError, UnicodeDecodeError) as error:
        # The bytes of a file that is no text would be in the error; its kind is enough.
        said = str(error) if not isinstance(error, UnicodeDecodeError) else "a file is not UTF-8"
        raise SettingsError(
            f"the folder of secrets cannot be read: {said}",
            hint=f"{SECRETS_DIR} names a folder with a file for each key.",
        ) from None
    origins = {
        place: f"the secret {Path(folder) / name}"
        for name in source.env_vars
        if (place := _place(name))[0] in kind.model_fields
    }
    return _read(source, origins)


def _read(source: EnvSettingsSource, origins: dict[tuple[int | str, ...], str]) -> Overlay:
    try:
        return Overlay(source(), origins)
    except pydantic_settings.SettingsError as error:
        names = [name for place, name in origins.items() if f'"{place[0]}"' in str(error)]
        raise SettingsError(
            f"{', '.join(names)}: not JSON, as a key that holds others has to be",
            hint=f"Set what is inside key by key, with {INSIDE} between: BELAY_BUS__CLIENT_ID.",
        ) from None


def _place(name: str) -> tuple[int | str, ...]:
    return tuple(name.split(INSIDE))


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(under)
    for key, value in over.items():
        below = found.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            found[key] = _merged(below, value)
        else:
            found[key] = value
    return found
