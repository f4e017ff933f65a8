"""What `belay up` runs, out of a project: broker, engines, and the four processes of the online path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from belay.home import Home, RunFolder
from belay.launcher.processes import StackSettings, processes_of
from belay.project import EMBEDDED, Project
from belay.wiring import half_of_the_cores
from serving.engines.arms import ANY_NAME, Endpoint
from serving.engines.placement import Place, placement
from serving.engines.vllm_engine import engine_cards
from serving.models.store import ModelStore, StoredModel
from telemetry.errors import UsageError
from telemetry.events import Arm

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


@dataclass(frozen=True, slots=True)
class Route:
    """A project's models, found in its home. Without a candidate both arms are base."""

    project: Project
    base: StoredModel
    candidate: StoredModel | None

    @classmethod
    def of(cls, project: Project) -> Route:
        """The route of a project. Raises AttestationError or UsageError where its models are not there or no pair."""
        store = ModelStore(project.home / "models")
        base = store.base(project.base)
        candidate = store.get(project.candidate) if project.candidate is not None else None
        if candidate is not None and store.base_of(candidate) != base:
            raise UsageError(
                f"candidate {candidate.name!r} was made from base {store.base_of(candidate).name!r}, "
                f"the route's is {base.name!r}",
                hint="Set `base` or `candidate` in belay.yaml to models that belong together.",
            )
        return cls(project, base, candidate)

    @property
    def folder(self) -> RunFolder:
        """The files of this route's processes."""
        return Home(self.project.home).run(f"route-{self.project.route}")

    @property
    def shares_engine(self) -> bool:
        """Whether the candidate is an adapter beside base."""
        return self.candidate is not None and self.candidate.manifest.kind == "adapter"

    def endpoint(self, arm: Arm) -> Endpoint:
        """Where an arm answers, and under which name and key."""
        model = self.base if arm == "control" or self.candidate is None else self.candidate
        others = model.manifest.engine
        if others is not None:
            # Others may call it anything; who answers there is attested by what it says (`belay adopt`).
            return Endpoint(
                arm=arm, url=others.url, model=others.model, key_env=others.key_env, answers_as=ANY_NAME
            )
        if model == self.candidate and not self.shares_engine:
            return Endpoint(arm=arm, url=_at(self.project.ports.engine + self._own_base))
        return Endpoint(
            arm=arm,
            url=_at(self.project.ports.engine),
            model=model.served_name if model.manifest.kind == "adapter" else None,
        )

    @property
    def _own_base(self) -> int:
        """How many engines are started for base."""
        return int(self.base.manifest.engine is None)


def parts_of(route: Route) -> list[Part]:
    """Every part that the project names, in the order in which they are started.

    Raises UsageError where the engines do not fit the GPUs.
    """
    project = route.project
    parts = []
    if project.broker == EMBEDDED:
        log = str(route.folder.logs / "tansu.log")
        broker = project.ports.broker
        parts.append(Part("broker", ("broker", "--port", str(broker), "--log", log), port=broker))
    parts += _engines(route)
    settings = stack_settings(route)
    # At the router's own address: the clients' may want a certificate.
    urls = {"control": f"{project.control_url}/livez", "router": f"{project.status_url}/belay/healthz"}
    files = {"worker": route.folder.worker_status}
    for process in processes_of(settings):
        arguments = (process.command, "--settings", str(route.folder.settings(process.name)))
        parts.append(Part(process.name, arguments, urls.get(process.name), file=files.get(process.name)))
    return parts


def stack_settings(route: Route) -> StackSettings:
    """The settings of the four processes."""
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
        access=project.access.model_dump(mode="json", by_alias=True) if project.access is not None else None,
        notify=project.notify.model_dump(mode="json", by_alias=True),
        judges=project.judges,
        router=project.router,
        learned=Home(project.home).learned_judge(route.candidate.name) if route.candidate else None,
    )


def _engines(route: Route) -> list[Part]:
    """An engine for base with its adapters, and one for a candidate that is merged; none for what others run."""
    ours: list[tuple[Arm, StoredModel]] = [("control", route.base)]
    if route.candidate is not None and not route.shares_engine:
        ours.append(("candidate", route.candidate))
    ours = [(arm, model) for arm, model in ours if model.manifest.engine is None]
    places = placement(len(ours), engine_cards(), route.project.gpu_memory)
    parts = []
    for (arm, model), place in zip(ours, places, strict=True):
        port = int(route.endpoint(arm).url.rpartition(":")[2])
        arguments = ["serve", model.name, "--port", str(port), "--name", route.project.route]
        arguments += ["--home", str(route.project.home)]
        if arm == "control" and route.shares_engine and route.candidate is not None:
            arguments += ["--adapter", route.candidate.name]
        arguments += _on(place)
        if len(ours) == 2 and place.device == "cpu":
            arguments += ["--cores", half_of_the_cores(arm)]
        name = "base" if arm == "control" else "candidate"
        parts.append(Part(name, tuple(arguments), f"{_at(port)}/v1/models", start_s=ENGINE_START_S))
    return parts


def _on(place: Place) -> list[str]:
    """An engine's place, as options of `belay serve`."""
    gpu = ["--gpu", place.gpu] if place.gpu is not None else []
    return [*gpu, "--memory", f"{place.memory:g}"] if place.memory is not None else gpu


def _at(port: int) -> str:
    return f"http://127.0.0.1:{port}"
