"""Settings: frozen, checked, read from YAML, environment and secrets, and every mistake in them explained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telemetry.environment import Overlay, overlay
from telemetry.errors import SettingsError
from telemetry.mistakes import explain

Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseModel):
    """What all settings are: frozen, and an unknown key is an error; an error never shows the whole of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


S = TypeVar("S", bound=BaseModel)

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""In C where that was built: a fifth of the time, of a file of a thousand keys a second."""
NO_FILE: Final = "`belay demo` leaves one of each in .belay/runs/."


def load_settings(path: Path, kind: type[S]) -> S:
    """Settings of a process from a YAML file, secrets and the environment, of which the later goes before.

    Relative paths are taken as they are. Raises SettingsError, which names the file, each key that is wrong with the
    variable or secret that set it, and for an unknown key the near one.
    """
    return _checked(path, kind, overlay(kind), NO_FILE)


def load_document(path: Path, kind: type[S]) -> S:
    """As `load_settings`, from the file alone: what it says goes under a hash, and is the same wherever it is read."""
    return _checked(path, kind, Overlay(), "Give the path of such a file.")


def parse_document(text: str, kind: type[S], where: str) -> S:
    """As `load_document`, from a text; mistakes are told as of `where`."""
    return valid(_parsed(text, where), kind, Overlay(), where)


def _checked(path: Path, kind: type[S], beside: Overlay, hint: str) -> S:
    return valid(mapping_in(path, kind, hint), kind, beside, str(path))


def valid(data: dict[str, Any], kind: type[S], beside: Overlay, where: str) -> S:
    """The settings that the data of a file and what is set beside it make; mistakes are told as of `where`."""
    try:
        return kind.model_validate(beside.over(data))
    except ValidationError as error:
        raise SettingsError(f"{where}:\n" + "\n".join(explain(error, kind, beside.origins))) from error


def mapping_in(path: Path, kind: type[BaseModel], hint: str) -> dict[str, Any]:
    """What a settings file says, unchecked. Raises SettingsError, with the hint where there is none."""
    if not path.is_file():
        raise SettingsError(
            f"no settings file at {path}",
            hint=f"It should hold the {kind.__name__} as YAML. {hint}",
        )
    try:
        return _parsed(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not valid YAML: {error}") from error


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        data = _data_of(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{where} is not valid YAML: {_place_of(error)}") from None
    if not isinstance(data, dict):
        raise SettingsError(f"{where}: expected a mapping at the top, found {type(data).__name__}")
    return data


def _data_of(text: str) -> Any:
    """As `yaml.safe_load`, by the quicker of the two safe loaders. Raises YAMLError."""
    loader = _LOADER(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _place_of(error: yaml.YAMLError) -> str:
    """What is wrong and where, without the line itself: a password may stand in it."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return type(error).__name__
    at = error.problem_mark
    return f"line {at.line + 1}, column {at.column + 1}: {error.problem}"
