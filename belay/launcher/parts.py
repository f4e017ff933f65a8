"""What `belay up` runs, out of a project: broker, engines, and the processes of the online path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from belay.home import Home
from belay.launcher.processes import StackSettings, WorkerOf, processes_of
from belay.launcher.routes import OtherRoute, Route
from belay.project import EMBEDDED, FILE, Project
from belay.wiring import part_of_the_cores
from serving.engines.placement import Place, placement
from serving.engines.vllm_engine import engine_cards
from serving.models.store import StoredModel
from telemetry.errors import SettingsError

By = tuple[Path, Path | None]
"""The brief and the learned judge that a worker scores with."""
ENGINE_START_S: Final = 600.0
PROCESS_START_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the online path: `belay ARGUMENTS`.

    It is up when `url` answers with success, when something listens on `port`, or when `file` is there; with none of
    these it is up when it runs.
    """

    name: str
    arguments: tuple[str, ...]
    url: str | None = None
    port: int | None = None
    file: Path | None = None
    start_s: float = PROCESS_START_S


def parts_of(route: Route) -> list[Part]:
    """Every part that the project names, in the order in which they are started.

    Raises UsageError where the engines do not fit the GPUs, SettingsError where two parts would have one port.
    """
    project = route.project
    settings = stack_settings(route)
    _refuse_colliding(route, settings.workers)
    parts = []
    if project.broker == EMBEDDED:
        log = str(route.folder.logs / "tansu.log")
        broker = project.ports.broker
        parts.append(Part("broker", ("broker", "--port", str(broker), "--log", log), port=broker))
    parts += _engines(route)
    # At the router's own address: the clients' may want a certificate.
    urls = {"control": f"{project.control_url}/livez", "router": f"{project.status_url}/belay/healthz"}
    files = {"worker": route.folder.worker_status}
    files |= {one.part: route.folder.worker_status_of(one.name) for one in settings.workers}
    for process in processes_of(settings):
        arguments = (process.command, "--settings", str(route.folder.settings(process.name)))
        parts.append(Part(process.name, arguments, urls.get(process.name), file=files.get(process.name)))
    return parts


def stack_settings(route: Route) -> StackSettings:
    """The settings of the processes of the online path."""
    project = route.project
    return StackSettings(
        brief=project.brief,
        control=route.endpoint("control"),
        candidate=route.endpoint("candidate"),
        bootstrap=project.bootstrap_servers,
        folder=route.folder,
        models=project.home / "models",
        router_port=project.ports.router,
        status_port=project.ports.status,
        metrics_port=project.ports.metrics,
        control_port=project.ports.control,
        kafka=project.kafka,
        text_policy=project.privacy,
        attest_every_s=project.attest_every_s,
        attestation=project.attestation,
        access=project.access.model_dump(mode="json", by_alias=True) if project.access is not None else None,
        notify=project.notify.model_dump(mode="json", by_alias=True),
        judges=project.judges,
        router=project.router,
        learned=Home(project.home).learned_judge(route.candidate.name) if route.candidate else None,
        answers=_first_answers(route),
        routes=route.endpoints(),
        workers=workers_of(route),
        alias=project.route,
    )


def workers_of(route: Route) -> tuple[WorkerOf, ...]:
    """The workers beside the first one: routes that have brief and learned judge in common share a worker."""
    first, scored = _first(route), _scored(route)
    return tuple(
        WorkerOf(
            others[0].name,
            tuple(one.name for one in others),
            *by,
            _answers(route.project, map(_tuned, others)),
        )
        for by, others in scored.items()
        if by != first
    )


def _first_answers(route: Route) -> Path | None:
    """The kept answers for the first worker: of the default route's candidate, else of another that it scores."""
    beside = _scored(route).get(_first(route), [])
    return _answers(route.project, [route.candidate, *map(_tuned, beside)])


def _first(route: Route) -> By:
    return route.project.brief, _taught(route.project, route.candidate)


def _scored(route: Route) -> dict[By, list[OtherRoute]]:
    """The routes beside the file's own, by what a worker scores them with."""
    found: dict[By, list[OtherRoute]] = {}
    for other in route.others:
        found.setdefault((other.brief, _taught(route.project, _tuned(other))), []).append(other)
    return found


def _tuned(other: OtherRoute) -> StoredModel | None:
    return other.candidate.model if other.candidate is not None else None


def _answers(project: Project, candidates: Iterable[StoredModel | None]) -> Path | None:
    """What the first audit of these kept. One does for all: a judging model grades any answer as it did or does not."""
    files = [Home(project.home).kept_answers(one.name) for one in candidates if one is not None]
    return next((file for file in files if file.is_file()), None)


def _taught(project: Project, candidate: StoredModel | None) -> Path | None:
    """The judge that a candidate's audit left; None where it left none."""
    file = Home(project.home).learned_judge(candidate.name) if candidate is not None else None
    return file if file is not None and file.is_file() else None


def _engines(route: Route) -> list[Part]:
    """An engine for each base with its adapters, and one for each merged candidate; none for what others run."""
    engines = route.engines()
    places = placement(len(engines), engine_cards(), route.project.gpu_memory)
    parts = []
    for number, (engine, place) in enumerate(zip(engines, places, strict=True)):
        arguments = ["serve", engine.plan.model.name, "--port", str(engine.port), "--name", engine.alias]
        arguments += ["--home", str(route.project.home)]
        for adapter in engine.plan.adapters:
            arguments += ["--adapter", adapter.name]
        arguments += _on(place)
        if len(engines) > 1 and place.device == "cpu":
            arguments += ["--cores", part_of_the_cores(number, len(engines))]
        parts.append(Part(engine.name, tuple(arguments), f"{engine.url}/v1/models", start_s=ENGINE_START_S))
    return parts


def _refuse_colliding(route: Route, workers: Sequence[WorkerOf]) -> None:
    """Raise SettingsError where two parts would have one port: some have those after what the file says."""
    project = route.project
    taken = {port: what for what, port in project.ports.listening().items() if what != "engine"}
    wanted = [(f"the engine {engine.name}", engine.port) for engine in route.engines()]
    if project.broker == EMBEDDED:
        wanted.append(("the broker", project.ports.broker))
    if project.ports.metrics is not None:
        wanted += [
            (f"{one.part}'s metrics", project.ports.metrics + 3 + at) for at, one in enumerate(workers)
        ]
    for what, port in wanted:
        other = taken.setdefault(port, what)
        if other != what:
            raise SettingsError(
                f"{FILE}: ports: {what} would be at {port}, and so would {other}",
                hint="Engines have `engine` and the ports after it, the metrics of further workers those behind "
                "`metrics`.",
            )


def _on(place: Place) -> list[str]:
    """An engine's place, as options of `belay serve`."""
    gpu = ["--gpu", place.gpu] if place.gpu is not None else []
    return [*gpu, "--memory", f"{place.memory:g}"] if place.memory is not None else gpu
