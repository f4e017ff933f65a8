"""What every part of the online path says at one moment, for `belay status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from belay.launcher.parts import workers_of
from belay.launcher.routes import Route
from belay.launcher.view import read_json, router_status
from evaluator.watch.worker.status import RolloutStatus, WorkerStatus, read_status
from serving.engines.arms import Endpoint
from telemetry.errors import UnreadableRecord
from telemetry.events import DEFAULT_ROUTE, RolloutChanged, now
from telemetry.rollout_file import file_of, read_rollout


@dataclass(frozen=True, slots=True)
class Seen:
    """What the parts said at one moment; of a part that did not answer there is nothing.

    `engines` tells of each engine of ours or of others by its part or arm whether it answers. `worker_age_s` is how
    long ago the worker wrote. `others` are the routes beside the file's own.
    """

    router: Mapping[str, Any]
    control: bool
    forwarder: Mapping[str, Any]
    worker: WorkerStatus | None
    worker_age_s: float
    engines: Mapping[str, bool]
    rollout: RolloutChanged | None
    others: tuple[OtherSeen, ...] = ()

    def decides(self, rollout_id: str) -> RolloutStatus | None:
        """What the worker that decides, whichever it is, says of a rollout."""
        workers = [self.worker, *(other.worker for other in self.others)]
        return next(
            (one for worker in workers if worker for one in worker.rollouts if one.rollout_id == rollout_id),
            None,
        )


@dataclass(frozen=True, slots=True)
class OtherSeen:
    """A route beside the file's own at one moment. `worker` is its own, where it has one (`has_worker`)."""

    name: str
    engines: Mapping[str, bool]
    rollout: RolloutChanged | None
    has_worker: bool = False
    worker: WorkerStatus | None = None
    worker_age_s: float = float("inf")


def see(route: Route) -> Seen:
    """Ask every part how it is; takes at most a few seconds."""
    folder = route.folder
    worker = read_status(folder.worker_status)
    with httpx.Client(timeout=2.0) as http:
        engines = _engines(route, http)
        return Seen(
            router=router_status(http, route.project.status_url),
            control=_answers(http, f"{route.project.control_url}/livez"),
            forwarder=read_json(folder.forwarder_status),
            worker=worker,
            worker_age_s=_age_s(worker),
            engines=engines.pop(DEFAULT_ROUTE),
            rollout=_rollout_in(folder.rollout_file),
            others=tuple(_others(route, engines)),
        )


def _others(route: Route, engines: Mapping[str, Mapping[str, bool]]) -> Iterator[OtherSeen]:
    workers = {model: one for one in workers_of(route) for model in one.models}
    for other in route.others:
        own = workers.get(other.name)
        worker = read_status(route.folder.worker_status_of(own.name)) if own is not None else None
        yield OtherSeen(
            other.name,
            engines.get(other.name, {}),
            _rollout_in(file_of(route.folder.rollout_file, other.name)),
            own is not None and own.name == other.name,
            worker,
            _age_s(worker),
        )


def _age_s(worker: WorkerStatus | None) -> float:
    return (now() - worker.time).total_seconds() if worker else float("inf")


def _rollout_in(file: Path) -> RolloutChanged | None:
    try:
        return read_rollout(file)
    except UnreadableRecord:
        return None


def _engines(route: Route, http: httpx.Client) -> dict[str, dict[str, bool]]:
    """Of each route whether the engines answer that the router was told of; before it ever ran, those of belay.yaml."""
    told = route.folder.settings("router")
    if told.is_file():
        said = yaml.safe_load(told.read_text(encoding="utf-8"))
        arms = {name: _told_arms(given) for name, given in (said.get("routes") or {}).items()}
        arms[DEFAULT_ROUTE] = _told_arms(said)
    else:
        arms = {DEFAULT_ROUTE: (route.endpoint("control"), route.endpoint("candidate")), **route.endpoints()}
    asked: dict[str, bool] = {}  # several arms may be one engine
    found: dict[str, dict[str, bool]] = {}
    for route_name, both in arms.items():
        for name, endpoint in zip(("base", "candidate"), both, strict=True):
            for url in endpoint.replicas:
                if url not in asked:
                    asked[url] = _answers(http, f"{url.rstrip('/').removesuffix('/v1')}/v1/models")
                key = f"{name} at {url}" if endpoint.urls else name
                found.setdefault(route_name, {})[key] = asked[url]
    return found


def _told_arms(said: Mapping[str, Any]) -> tuple[Endpoint, Endpoint]:
    control, candidate = (
        Endpoint.model_validate({"arm": arm, **said[arm]}) for arm in ("control", "candidate")
    )
    return control, candidate


def _answers(http: httpx.Client, url: str) -> bool:
    """Whether somebody is there; who refuses a request without a key is there too."""
    try:
        return http.get(url).status_code < 500
    except httpx.HTTPError:
        return False
