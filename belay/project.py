"""`belay.yaml`: one file from which every command's defaults and every process's settings come."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from belay.project_routes import ProjectRoutes, named_twice, served_by_ourselves
from evaluator.briefs.judges import JudgeAddress
from evaluator.briefs.yaml_text import YamlError, YamlText, read_yaml
from router.control.notify.settings import NotifySettings
from router.control.settings import AccessSettings, AttestationPolicy
from telemetry.bus.settings import BusSettings, Servers
from telemetry.environment import overlay
from telemetry.errors import SettingsError, UsageError
from telemetry.events import DEFAULT_ROUTE, AdvancePolicy, TextPolicy
from telemetry.mistakes import explain
from telemetry.settings import Port, Settings, mapping_in

FILE: Final = Path("belay.yaml")
EMBEDDED: Final = "embedded"
_PATHS: Final = ("brief", "home")
_ROUTER_PATHS: Final = ("keys_file", "tls_cert", "tls_key", "tls_client_ca")


class Ports(Settings):
    """Where the parts listen on 127.0.0.1; `status` is where the router tells how it is.

    Further engines take the ports after `engine`. Where `metrics` is set, forwarder, worker and control are scraped at
    it and at the two ports after it, further workers at those behind.
    """

    router: Port = 8100
    status: Port = 8101
    control: Port = 8090
    engine: Port = 8001
    broker: Port = 9092
    metrics: Annotated[int, Field(ge=1, le=65533)] | None = None

    @model_validator(mode="after")
    def _each_its_own(self) -> Self:
        taken: dict[int, str] = {}
        for name, port in self.listening().items():
            other = taken.setdefault(port, name) if port else name
            if other != name:
                raise ValueError(f"{other} and {name} are both {port}, expected a port each")
        return self

    def listening(self) -> dict[str, int]:
        """The ports that the file fixes, by what listens there; the broker may be elsewhere."""
        found = {
            name: port for name, port in self if isinstance(port, int) and name not in ("broker", "metrics")
        }
        scraped = ("forwarder's metrics", "worker's metrics", "control's metrics")
        return found | (
            {} if self.metrics is None else {name: self.metrics + at for at, name in enumerate(scraped)}
        )


class _Bus(Settings):
    bus: BusSettings


class Project(Settings):
    """The route of this file: the name that clients ask for, its models and brief, and how it is rolled out.

    It takes every name that is none of `routes`, which have models, and rollouts, of their own. `base` and `candidate`
    are names in the home. `artifacts` is the URL or path of a store by which machines share what homes hold. `broker`
    is the embedded one, which forgets, or `host:port`; `kafka` are further settings of it, `namespace` and `topics`
    among them (a password comes from the environment: BELAY_BUS__SASL_PASSWORD).
    `training` are a training's settings without name, base, data, output and brief. `gpu_memory` is each engine's share
    of a GPU's memory. `judges` say where those answer that the brief knows by name. What answers for
    both arms is asked who it is before a rollout starts, and every `attest_every_s` seconds while it is live; with
    `attestation: require` nothing starts of which nobody can tell. `access` says how control knows who asks; without it
    anybody on this machine may act. `notify` says whom control tells of a rollback, a pause or a full rollout.
    """

    route: Annotated[str, Field(min_length=1)]
    base: str
    candidate: str | None = None
    brief: Path
    home: Path = Path(".belay")
    artifacts: Annotated[str, Field(min_length=1)] | None = None
    broker: Literal["embedded"] | Servers = EMBEDDED
    kafka: dict[str, Any] = Field(default_factory=dict)
    ports: Ports = Ports()
    privacy: TextPolicy = "redacted"
    stages: str = "5%:2000,25%:4000,50%"
    advance: AdvancePolicy = "evidence"
    shadow: Annotated[float, Field(ge=0, le=1)] = 0.1
    gpu_memory: Annotated[float, Field(gt=0, le=1)] | None = None
    attest_every_s: Annotated[float, Field(gt=0)] = 300.0
    attestation: AttestationPolicy = "warn"
    access: AccessSettings | None = None
    notify: NotifySettings = NotifySettings()
    judges: dict[str, JudgeAddress] = Field(default_factory=dict)
    router: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    routes: ProjectRoutes = Field(default_factory=dict)

    @field_validator("routes")
    @classmethod
    def _each_name_once(cls, routes: ProjectRoutes, info: ValidationInfo) -> ProjectRoutes:
        if DEFAULT_ROUTE in routes:
            raise ValueError(
                f"{DEFAULT_ROUTE!r} is what routers call the file's own route; give it another name"
            )
        wrong = named_twice(routes, info.data.get("route"), info.data.get("router")) or served_by_ourselves(
            routes, info.data.get("ports", Ports()).listening()
        )
        if wrong is not None:
            raise ValueError(wrong)
        return routes

    @property
    def bootstrap_servers(self) -> str:
        """Where the broker answers."""
        return f"127.0.0.1:{self.ports.broker}" if self.broker == EMBEDDED else self.broker

    @property
    def keys_wanted(self) -> bool:
        """Whether the router lets nobody in without an API key."""
        return any(self.router.get(name) for name in ("keys_file", "api_key_env"))

    @property
    def router_url(self) -> str:
        """Where clients send their requests; add `/v1`."""
        scheme = "https" if self.router.get("tls_cert") else "http"
        return f"{scheme}://127.0.0.1:{self.ports.router}"

    @property
    def status_url(self) -> str:
        """Where the router tells how it is."""
        return f"http://127.0.0.1:{self.ports.status}"

    @property
    def control_url(self) -> str:
        """Where control answers."""
        return f"http://127.0.0.1:{self.ports.control}"

    def bus(self) -> BusSettings:
        """The broker's settings, and over them what environment and secrets say of `bus`, as for every process.

        Raises SettingsError where `kafka` has what a bus does not.
        """
        beside = overlay(_Bus)
        given = beside.over({"bus": {"bootstrap_servers": self.bootstrap_servers, **self.kafka}})
        try:
            return _Bus.model_validate(given).bus
        except ValidationError as error:
            told = "\n".join(explain(error, _Bus, beside.origins))
            raise SettingsError(f"{FILE}: kafka:\n{told}") from error


def load_project(path: Path = FILE) -> Project:
    """The project in `path`; its relative paths start from the file's folder.

    Raises SettingsError, which names what is wrong by its place and its line; a key that stands twice is wrong.
    """
    found = _checked(path)
    there = path.resolve().parent
    changes: dict[str, Any] = {name: there / getattr(found, name) for name in _PATHS}
    if found.access is not None and found.access.tokens is not None:
        changes["access"] = found.access.model_copy(update={"tokens": there / found.access.tokens})
    if found.artifacts is not None and "://" not in found.artifacts:
        changes["artifacts"] = str(there / found.artifacts)
    files = {name: str(there / found.router[name]) for name in _ROUTER_PATHS if found.router.get(name)}
    changes["router"] = found.router | files
    changes["routes"] = {
        name: route.model_copy(update={"brief": there / route.brief}) if route.brief is not None else route
        for name, route in found.routes.items()
    }
    return found.model_copy(update=changes)


def _checked(path: Path) -> Project:
    mapping_in(path, Project, "Give the path of such a file.")
    try:
        source = read_yaml(path.read_text(encoding="utf-8"))
        return Project.model_validate(source.data)
    except YamlError as error:
        raise SettingsError(f"{path}: {error}") from error
    except ValidationError as error:
        raise SettingsError(f"{path}:\n" + "\n".join(_told(error, source))) from error


def _told(error: ValidationError, source: YamlText) -> list[str]:
    """A line a mistake, with the line of the file where it stands."""
    places = [detail["loc"] for detail in error.errors(include_url=False)]
    lines = [source.line(place) for place in places]
    told = explain(error, Project)
    return [f"{one} (line {line})" if line else one for one, line in zip(told, lines, strict=True)]


def defaults_of(project: Project) -> Mapping[str, Any]:
    """What commands take from the file where nobody says otherwise, by the name of their parameter."""
    access = project.access
    tokens = {"tokens": str(access.tokens)} if access is not None and access.tokens is not None else {}
    keys = {"keys": project.router["keys_file"]} if project.router.get("keys_file") else {}
    store = {"store": project.artifacts} if project.artifacts is not None else {}
    return (
        tokens
        | keys
        | store
        | {
            "home": str(project.home),
            "brief": str(project.brief),
            "base": project.base,
            "model": project.route,
            "control": project.control_url,
            "bootstrap_servers": project.bootstrap_servers,
            "stages": project.stages,
            "advance": project.advance,
            "shadow": project.shadow,
        }
    )


def defaults_of_route(project: Project, name: str) -> dict[str, Any]:
    """What goes before `defaults_of` where a command is about one of the file's `routes`; nothing for another name."""
    route = project.routes.get(name)
    if route is None:
        return {}
    given = {"brief": route.brief, "stages": route.stages, "advance": route.advance, "shadow": route.shadow}
    return {"model": name} | {key: value for key, value in given.items() if value is not None}


def brief_of_route(project: Project, name: str | None) -> Path:
    """The brief of the file's own route (None is that), or of one of its `routes`. UsageError for any other name."""
    if name is None or name == project.route:
        return project.brief
    known = [project.route, *project.routes, *(project.router.get("routes") or {})]
    if name not in known:
        raise UsageError(
            f"{FILE} has no route {name!r}; its routes are {', '.join(known)}",
            hint="Give one of those, or add it under `routes`.",
        )
    route = project.routes.get(name)
    return project.brief if route is None or route.brief is None else route.brief
