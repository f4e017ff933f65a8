"""Settings: frozen, checked, read from YAML, and every mistake in them explained."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telemetry.errors import SettingsError

Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseModel):
    """What all settings are: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


S = TypeVar("S", bound=BaseModel)


def load_settings(path: Path, kind: type[S]) -> S:
    """Settings from a YAML file; relative paths in it are taken as they are.

    Raises SettingsError, which names the file, each key that is wrong, and for an unknown key the near one.
    """
    if not path.is_file():
        raise SettingsError(
            f"no settings file at {path}",
            hint=f"It should hold the {kind.__name__} as YAML; `belay demo` leaves one of each in .belay/runs/.",
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


def explain(error: ValidationError, kind: type[BaseModel]) -> list[str]:
    """One line a mistake: where it is, what came, what was expected."""
    return [_explain_one(dict(detail), kind) for detail in error.errors(include_url=False)]


def _explain_one(detail: dict[str, Any], kind: type[BaseModel]) -> str:
    location: tuple[int | str, ...] = detail["loc"]
    where = ".".join(str(part) for part in location) or "(top)"
    if detail["type"] == "extra_forbidden":
        known = _fields_at(kind, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        suggestion = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        return f"  {where}: unknown key; {suggestion}"
    if detail["type"] == "missing":
        return f"  {where}: missing, and it has no default"
    if detail["type"] == "value_error":
        return f"  {where}: {detail['msg'].removeprefix('Value error, ')}"
    return f"  {where}: {detail['msg']}; it is {detail['input']!r}"


def _fields_at(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that are known at a place within `kind`; none where that is no mapping of ours."""
    found: Any = kind
    for part in location:
        if isinstance(part, str):
            if part not in found.model_fields:
                return []
            found = found.model_fields[part].annotation
        found = _model_in(found)
        if found is None:
            return []
    return sorted(found.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation is made of: itself, or what a tuple, a list or an option of it holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
