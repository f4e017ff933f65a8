"""The settings of the router and of control: frozen, checked, and read from YAML."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar, get_args
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from serving.arms import Endpoint
from telemetry.errors import SettingsError

Seconds = Annotated[float, Field(gt=0.0)]
Port = Annotated[int, Field(ge=0, le=65535)]


def _header_name(name: str) -> str:
    if not name or not name.isascii() or any(c.isspace() or c == ":" for c in name):
        raise ValueError(f"{name!r} is not the name of an HTTP header")
    return name.lower()


HeaderName = Annotated[str, AfterValidator(_header_name)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Timeouts(_Settings):
    """How long the router waits for an engine, in seconds.

    `candidate_first_byte_s` is what the candidate has before base answers for it; a request that is not
    streamed has its first byte when it is complete. `total_s` bounds a whole answer, of either arm.
    """

    connect_s: Seconds = 2.0
    candidate_first_byte_s: Seconds = 60.0
    total_s: Seconds = 600.0
    shadow_s: Seconds = 120.0
    shutdown_s: Seconds = 3.0


class RouterSettings(_Settings):
    """The router. Port 0 takes a free port; the log says which.

    `expose_headers` adds `x-belay-arm` and `x-belay-stage` to answers. `shadow_limit` bounds the shadows in
    flight; an interaction beyond it goes without. `table_file` is the word table that `belay watch` writes
    (`worker.table_file`): with it shadows go to the capabilities that need them, without it they are drawn evenly.
    """

    host: str = "127.0.0.1"
    port: Port = 8100
    router_id: str = "router-1"
    control: Endpoint
    candidate: Endpoint
    rollout_file: Path
    spool_folder: Path
    spool_quota_bytes: int = Field(default=1 << 30, gt=0)
    session_header: HeaderName = "x-session-id"
    end_user_header: HeaderName = "x-end-user-id"
    expose_headers: bool = True
    timeouts: Timeouts = Timeouts()
    retry_after_s: int = Field(default=1, ge=1)
    max_request_bytes: int = Field(default=64 << 20, gt=0)
    shadow_limit: int = Field(default=64, ge=0)
    table_file: Path | None = None

    @field_validator("control", "candidate")
    @classmethod
    def _reachable(cls, endpoint: Endpoint) -> Endpoint:
        url = urlsplit(endpoint.url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"url is {endpoint.url!r}, expected something like 'http://127.0.0.1:8001'")
        return endpoint

    @model_validator(mode="after")
    def _arms_in_their_places(self) -> Self:
        for expected, endpoint in (("control", self.control), ("candidate", self.candidate)):
            if endpoint.arm != expected:
                raise ValueError(f"{expected}.arm is {endpoint.arm!r}, expected {expected!r}")
        return self


class ControlSettings(_Settings):
    """Control. `folder` is the run folder that gets `control.jsonl`.

    `models_folder` is where the model folders lie on this machine (`.belay/models`): Belay will not replace or
    remove those of a rollout as long as it may be rolled back.

    `bootstrap_servers` and `kafka` (further settings of the bus) say where the broker is; without
    `bootstrap_servers` control serves people only: nothing decides by itself.
    """

    host: str = "127.0.0.1"
    port: Port = 8090
    rollout_file: Path
    folder: Path
    models_folder: Path | None = None
    bootstrap_servers: str | None = None
    kafka: dict[str, Any] = Field(default_factory=dict)


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
