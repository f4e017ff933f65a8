"""What the router is told: where it listens, its routes and the two arms of each, and how long it waits for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    model_validator,
)

from router.proxy.breaker import BreakerSettings
from router.proxy.paths import DEFAULT, PATTERN
from router.proxy.replicas.health import ReplicaSettings
from router.proxy.wire.headers import REPLACED, REPLACED_AND_SECRETS
from serving.engines.arms import Endpoint
from serving.limits import Limits
from serving.tls import TlsSettings
from telemetry.events import DEFAULT_ROUTE, Arm
from telemetry.rollout_file import file_of
from telemetry.settings import Port, Settings
from telemetry.spool.syncing import SyncPolicy

Seconds = Annotated[float, Field(gt=0.0)]


def _header_name(name: str) -> str:
    if not name or not name.isascii() or any(c.isspace() or c == ":" for c in name):
        raise ValueError(f"{name!r} is not the name of an HTTP header")
    return name.lower()


HeaderName = Annotated[str, AfterValidator(_header_name)]
RouteName = Annotated[str, Field(pattern=r"^[!-~]{1,100}$")]


class Timeouts(Settings):
    """How long the router waits for an engine, in seconds.

    `candidate_first_byte_s` is what the candidate has before base answers for it: until the first byte of a stream,
    until the last one of any other answer. `stall_s` bounds the silence within an answer, and `total_s` a whole answer,
    of either arm. A shadow has `shadow_s`; whoever scores waits for its answer half a minute longer than the most that
    this may be. `shutdown_s` is what answers in flight have to end when the router is told to stop; whatever stops it
    should wait some seconds longer before it kills.
    """

    connect_s: Seconds = 2.0
    candidate_first_byte_s: Seconds = 60.0
    stall_s: Seconds = 60.0
    total_s: Seconds = 600.0
    shadow_s: Annotated[Seconds, Field(le=150.0)] = 120.0
    shutdown_s: Seconds = 20.0


class Arms(NamedTuple):
    """What answers on one route, and the files that it follows."""

    control: Endpoint
    candidate: Endpoint
    rollout_file: Path
    table_file: Path | None


class RouteSettings(Settings):
    """One route. Files that it does not name: the table is that of all, the rollout file lies beside that of all.

    Beside `rollout.json` that is `rollout.ROUTE.json`, where control, and a forwarder, write it.
    """

    control: Endpoint
    candidate: Endpoint
    rollout_file: Path | None = None
    table_file: Path | None = None

    @model_validator(mode="after")
    def _arms_in_their_places(self) -> Self:
        _check("control", self.control)
        _check("candidate", self.candidate)
        return self


def _check(expected: Arm, endpoint: Endpoint) -> None:
    if endpoint.arm != expected:
        raise ValueError(f"{expected}.arm is {endpoint.arm!r}, expected {expected!r}")
    for url in endpoint.replicas:
        if not is_reachable(url):
            raise ValueError(f"{expected}.url is {url!r}, expected something like 'http://127.0.0.1:8001'")


def is_reachable(url: str) -> bool:
    """Whether a text is the address of an HTTP server: scheme, host, and a port that there is."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port above 65535, or half an IPv6 address
        return False


class RouterSettings(TlsSettings):
    """The router. Port 0 takes a free port; the log says which.

    `routes` are the models that clients may ask for, by the names that they use. `control`, `candidate` and
    `rollout_file` are the default route's, which takes every other name; without it such a request gets a 404.

    `status_host` and `status_port` are where it tells how it is (`/belay/status`, `/metrics`), not to clients.

    `workers` are the processes that share the port; each has a spool in `spool_folder` and limits of its own. A single
    one is `supervised` where that is set, as several always are: SIGHUP replaces it by one that reads settings anew.
    `default_salt` is what subjects are hashed with while there is no rollout; `router_id` where it is not given.

    `limits` is what a client may cost, `max_answer_bytes` the most of an answer, all of which is kept for its record.
    `expose_headers` adds `x-belay-interaction` (the id under which it is recorded) to answers, and with `expose_arm`
    also `x-belay-arm` and `x-belay-stage`: a client that is told its arm can choose prompts by it, which tilts the
    comparison. `shadow_limit` bounds a route's shadows in flight; what is beyond it goes without. `table_file` is
    the word table that `belay watch` writes (`worker.table_file`): with it shadows go to the capabilities that need
    them, without it they are drawn evenly. `spool_sync` says what of the spool survives a power cut: all but the last
    200 ms (`interval`), all (`always`; every request waits for the disk), or what the kernel wrote (`never`).

    `in_flight` is how many requests may be answered at a time; one more is told 503 at once. Shadows are given up where
    `shadows_until` of that is reached. `paths` are those that reach an engine, `/*` at the end for all below one.

    `ask_usage` asks engines for a stream's usage where its client does not, and keeps it from the client.
    `couple_pairs` gives requests that may get a shadow a `seed`, so that both arms draw with the same noise.

    `breaker` says when an arm that fails is not asked for a while, `replicas` how requests are spread over the replicas
    of an arm that has several, and when one of them is not asked.

    `keys_file` are the API keys that let clients in (`belay keys new` writes it; it is followed), `api_key_env` names
    the variable of the environment with a single one. Without either everybody is let in. With them, what a client
    authorises itself with goes no further than the router.
    """

    host: str = "127.0.0.1"
    port: Port = 8100
    status_host: str = "127.0.0.1"
    status_port: Port = 8101
    router_id: str = "router-1"
    default_salt: str | None = None
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    supervised: bool = False
    control: Endpoint | None = None
    candidate: Endpoint | None = None
    rollout_file: Path | None = None
    routes: dict[RouteName, RouteSettings] = Field(default_factory=dict)
    spool_folder: Path
    spool_quota_bytes: int = Field(default=1 << 30, gt=0)
    spool_sync: SyncPolicy = "interval"
    session_header: HeaderName = "x-session-id"
    end_user_header: HeaderName = "x-end-user-id"
    expose_headers: bool = True
    expose_arm: bool = False
    timeouts: Timeouts = Timeouts()
    retry_after_s: int = Field(default=1, ge=1)
    limits: Limits = Limits()
    max_answer_bytes: int = Field(default=64 << 20, gt=0)
    shadow_limit: int = Field(default=64, ge=0)
    table_file: Path | None = None
    in_flight: int = Field(default=8192, gt=0)
    shadows_until: Annotated[float, Field(ge=0.0, le=1.0)] = 0.8
    paths: tuple[Annotated[str, Field(pattern=PATTERN)], ...] = DEFAULT
    ask_usage: bool = True
    couple_pairs: bool = False
    breaker: BreakerSettings = BreakerSettings()
    replicas: ReplicaSettings = ReplicaSettings()
    keys_file: Path | None = None
    api_key_env: str | None = None

    @property
    def wants_keys(self) -> bool:
        """Whether clients need a key."""
        return self.keys_file is not None or self.api_key_env is not None

    @property
    def dropped_headers(self) -> frozenset[bytes]:
        """Headers of a client's that no engine gets: a key of ours is not for its eyes."""
        return REPLACED_AND_SECRETS if self.wants_keys else REPLACED

    @model_validator(mode="after")
    def _every_route_is_whole(self) -> Self:
        if DEFAULT_ROUTE in self.routes:
            raise ValueError(
                f"routes.{DEFAULT_ROUTE}: so is the route called that takes every other name: set `control` and "
                "`candidate` for that"
            )
        followed: dict[Path, str] = {}
        for name, arms in self.each_route().items():
            other = followed.setdefault(arms.rollout_file, name)
            if other != name:
                raise ValueError(
                    f"routes {other!r} and {name!r} both follow {arms.rollout_file}, expected one each"
                )
        return self

    def each_route(self) -> dict[str, Arms]:
        """What answers on every route, by its name. The default route comes first where there is one."""
        found = {name: self._arms_of(name, route) for name, route in self.routes.items()}
        if self.routes and self.control is None and self.candidate is None:
            return found
        return {DEFAULT_ROUTE: self._default_arms(), **found}

    def _default_arms(self) -> Arms:
        if self.control is None or self.candidate is None or self.rollout_file is None:
            needed = ("control", "candidate", "rollout_file")
            missing = next(name for name in needed if getattr(self, name) is None)
            raise ValueError(f"{missing}: required, but it is not there")
        _check("control", self.control)
        _check("candidate", self.candidate)
        return Arms(self.control, self.candidate, self.rollout_file, self.table_file)

    def _arms_of(self, name: str, route: RouteSettings) -> Arms:
        file = route.rollout_file
        if file is None and self.rollout_file is not None:
            file = file_of(self.rollout_file, name)
        if file is None:
            raise ValueError(
                f"routes.{name}.rollout_file: required where the router's own rollout_file is not there either"
            )
        return Arms(route.control, route.candidate, file, route.table_file or self.table_file)
