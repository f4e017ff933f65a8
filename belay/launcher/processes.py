"""The processes of the online path: their settings out of one value, and the command that each is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from pydantic import ValidationError

from belay.home import RunFolder
from evaluator.briefs.judges import Judges
from router.control.settings import AttestationPolicy
from router.proxy.settings import RouteSettings
from serving.engines.arms import Endpoint
from telemetry.events import DEFAULT_ROUTE, TextPolicy
from telemetry.files import write_renamed


@dataclass(frozen=True, slots=True)
class WorkerOf:
    """A worker beside the first one: it scores what asks for `models`, by a brief and a learned judge of their own.

    `name` is the first of these routes. `answers` are those of an audit under this brief, about which judging models
    are asked again.
    """

    name: str
    models: tuple[str, ...]
    brief: Path
    learned: Path | None = None
    answers: Path | None = None

    @property
    def part(self) -> str:
        """What people know its process by."""
        return f"worker.{quote(self.name, safe='')}"


@dataclass(frozen=True, slots=True)
class StackSettings:
    """Where the parts of one run find each other. Ports of 0 are chosen freely.

    Forwarder, worker and control are scraped at `metrics_port` and the two after it. `models` is where both arms' model
    folders lie, so that they are pinned while the rollout is under way. `kafka` are
    settings of the bus beside its servers and `router` of the router beside what follows from the others, `access` is
    how control knows who asks and `notify` whom it tells;
    `text_policy` is what leaves the machine of what users write. `learned` is the judge that the candidate's audit
    left, `answers` what that audit kept, or that of another candidate which the same worker scores. `control`,
    `candidate`, `brief` and `learned` are the default route's; `routes` are base and candidate of further ones, and
    `workers` score those of them that the first worker does not. `alias` is the default route's name, by which base's
    engine knows the model where its endpoint names none.
    """

    brief: Path
    control: Endpoint
    candidate: Endpoint
    bootstrap: str
    folder: RunFolder
    models: Path | None = None
    router_port: int = 0
    control_port: int = 0
    status_port: int = 0
    metrics_port: int | None = None
    kafka: Mapping[str, Any] = field(default_factory=dict)
    text_policy: TextPolicy = "full"
    attest_every_s: float = 300.0
    attestation: AttestationPolicy = "warn"
    access: Mapping[str, Any] | None = None
    notify: Mapping[str, Any] = field(default_factory=dict)
    judges: Judges = field(default_factory=dict)
    router: Mapping[str, Any] = field(default_factory=dict)
    learned: Path | None = None
    answers: Path | None = None
    routes: Mapping[str, tuple[Endpoint, Endpoint]] = field(default_factory=dict)
    workers: tuple[WorkerOf, ...] = ()
    alias: str = ""

    @property
    def bus(self) -> dict[str, Any]:
        """How processes reach the broker."""
        return {"bootstrap_servers": self.bootstrap, **self.kafka}

    @property
    def arms(self) -> dict[str, Any]:
        """Where the arms of each route answer, as control is told; what is no route the router refuses itself."""
        arms = {DEFAULT_ROUTE: (self.control, self.candidate)}
        given = self.router.get("routes")
        for name, route in given.items() if isinstance(given, Mapping) else ():
            with suppress(ValidationError):
                found = RouteSettings.model_validate(route)
                arms[name] = found.control, found.candidate
        arms |= self.routes
        return {name: {one.arm: one.model_dump() for one in both} for name, both in arms.items()}

    def metrics(self, number: int) -> dict[str, Any]:
        """Where the process of this number is scraped; nothing where none is."""
        return {} if self.metrics_port is None else {"metrics_port": self.metrics_port + number}


@dataclass(frozen=True, slots=True)
class Process:
    """A part by the name people know it by: `belay COMMAND --settings FILE`, and what stands in the file."""

    name: str
    command: str
    content: dict[str, Any]

    def written(self, folder: RunFolder) -> list[str]:
        """Write its settings file into the run's folder; the arguments of `belay`."""
        path = folder.settings(self.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        # The broker's password may stand in it, where belay.yaml has one.
        write_renamed(path, yaml.safe_dump(self.content, sort_keys=False).encode(), private=True)
        return [self.command, "--settings", str(path)]


def processes_of(s: StackSettings) -> list[Process]:
    """Control, router, forwarder and every worker, in the order in which they are started."""
    folder = s.folder
    return [
        Process(
            "control",
            "control",
            {
                "port": s.control_port,
                "rollout_file": str(folder.rollout_file),
                "folder": str(folder.root),
                "models_folder": str(s.models) if s.models is not None else None,
                "brief": str(s.brief),
                "arms": s.arms,
                "attest_every_s": s.attest_every_s,
                "attestation": s.attestation,
                "access": dict(s.access) if s.access is not None else None,
                "notify": dict(s.notify),
                "bootstrap_servers": s.bootstrap,
                "kafka": dict(s.kafka),
                **s.metrics(2),
            },
        ),
        Process(
            "router",
            "router",
            {
                **s.router,
                "port": s.router_port,
                "status_port": s.status_port,
                "control": s.control.model_dump(),
                "candidate": s.candidate.model_dump(),
                "rollout_file": str(folder.rollout_file),
                "spool_folder": str(folder.spool),
                "table_file": str(folder.word_table),
                **_routes(s),
            },
        ),
        Process(
            "forwarder",
            "forward",
            {
                "spool_folder": str(folder.spool),
                "text_policy": s.text_policy,
                "status_file": str(folder.forwarder_status),
                "bus": s.bus,
                **s.metrics(0),
            },
        ),
        _worker(s, "worker", WorkerOf(DEFAULT_ROUTE, (), s.brief, s.learned, s.answers), s.metrics(1)),
        *(_worker(s, one.part, one, s.metrics(3 + at)) for at, one in enumerate(s.workers)),
    ]


def _routes(s: StackSettings) -> dict[str, Any]:
    """The router's `routes`: those that belay.yaml passes on as they are, and those whose arms were found."""
    given: Mapping[str, Any] = s.router.get("routes") or {}
    if not s.routes:
        return {"routes": dict(given)} if given else {}
    scored_by = {model: one.name for one in s.workers for model in one.models}
    found: dict[str, dict[str, Any]] = {}
    for name, (control, candidate) in s.routes.items():
        found[name] = {"control": control.model_dump(), "candidate": candidate.model_dump()}
        if name in scored_by:
            found[name]["table_file"] = str(s.folder.word_table_of(scored_by[name]))
    return {"routes": {**given, **found}}


def _worker(s: StackSettings, part: str, worker: WorkerOf, metrics: Mapping[str, Any]) -> Process:
    others = [] if worker.models else [model for one in s.workers for model in one.models]
    content = {
        "brief": str(worker.brief),
        "status_file": str(s.folder.worker_status_of(worker.name)),
        "table_file": str(s.folder.word_table_of(worker.name)),
        "judges": {name: judge.model_dump() for name, judge in s.judges.items()},
        "learned": str(worker.learned) if worker.learned is not None else None,
        "anchors": str(worker.answers) if worker.answers is not None else None,
        "base": _base_of(s, worker),
        **metrics,
    }
    if s.workers:
        content |= {"name": worker.name, "models": list(worker.models), "other_models": others}
    return Process(part, "watch", {"bus": s.bus, "worker": content})


def _base_of(s: StackSettings, worker: WorkerOf) -> dict[str, Any] | None:
    """Where the worker's judges ask base's engine.

    None where its routes have several, of which judges would not know whose answer they look at, or where nobody knows
    the model's name there.
    """
    elsewhere = {model for one in s.workers for model in one.models}
    scored = {name: control for name, (control, _) in s.routes.items() if name in worker.models}
    if not worker.models:
        own = {name: control for name, (control, _) in s.routes.items() if name not in elsewhere}
        scored = {s.alias: s.control, **own}
    found = {(base.url, base.model or name, base.key_env) for name, base in scored.items()}
    if len(found) != 1:
        return None
    ((url, model, key_env),) = found
    return {"url": url, "model": model, "api_key_env": key_env} if model else None
