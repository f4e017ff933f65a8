"""The routes of a project: the models of each arm, the engines that serve them here, and where each arm answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from belay.home import Home, RunFolder
from belay.project import FILE, Project
from belay.project_routes import ArmSettings, ProjectRoute
from serving.engines.arms import ANY_NAME, Endpoint
from serving.engines.plans import EnginePlan, engine_plans
from serving.models.store import ModelStore, StoredModel
from telemetry.errors import BelayError, UsageError
from telemetry.events import Arm


@dataclass(frozen=True, slots=True)
class EngineHere:
    """An engine that `belay up` starts, as the part `name`, for the first route that needs it.

    What it loads it serves as `alias`, adapters beside it by their own names.
    """

    plan: EnginePlan
    name: str
    alias: str
    port: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def served(self) -> set[str]:
        """The names that it lists."""
        return {self.alias, *(adapter.served_name for adapter in self.plan.adapters)}


@dataclass(frozen=True, slots=True)
class ArmHere:
    """An arm of a route: a model of the home, and where it answers if others run it. `model` None: no rollout of it."""

    model: StoredModel | None
    at: ArmSettings | None = None

    @property
    def ours(self) -> StoredModel | None:
        """The model that an engine here serves; None where others run it."""
        return self.model if self.at is None and self.model and self.model.manifest.engine is None else None


@dataclass(frozen=True, slots=True)
class OtherRoute:
    """A route beside the file's own, its arms found. Without a candidate both arms are base."""

    name: str
    project: Project
    settings: ProjectRoute
    base: ArmHere
    candidate: ArmHere | None

    @property
    def brief(self) -> Path:
        """The brief that its rollouts are watched by."""
        return self.settings.brief or self.project.brief

    def arm(self, arm: Arm) -> ArmHere:
        """What answers in this arm."""
        return self.base if arm == "control" or self.candidate is None else self.candidate


@dataclass(frozen=True, slots=True)
class Route:
    """A project's own route, its models found in its home, and its `others`. Without a candidate both arms are base."""

    project: Project
    base: StoredModel
    candidate: StoredModel | None
    others: tuple[OtherRoute, ...] = ()

    @classmethod
    def of(cls, project: Project) -> Route:
        """The routes of a project. Raises AttestationError or UsageError where models are not there or no pair."""
        store = ModelStore(project.home / "models")
        base = store.base(project.base)
        candidate = store.get(project.candidate) if project.candidate is not None else None
        _require_pair(store, base, candidate, "the route's", "`base` or `candidate`")
        others = tuple(_other(store, project, name, given) for name, given in project.routes.items())
        return cls(project, base, candidate, others)

    @property
    def folder(self) -> RunFolder:
        """The files of the processes of all routes."""
        return Home(self.project.home).run(f"route-{self.project.route}")

    @property
    def shares_engine(self) -> bool:
        """Whether the candidate is an adapter beside base."""
        return self.candidate is not None and self.candidate.manifest.kind == "adapter"

    def engines(self) -> list[EngineHere]:
        """The engines that are started here, in their order: the fewest that serve every arm of every route."""
        found = [one for one in self._ours() if one[2].manifest.engine is None]
        plans = engine_plans([model for *_, model in found], ModelStore(self.project.home / "models"))
        first = self.project.ports.engine
        return [_engine(plan, first + number, found) for number, plan in enumerate(plans)]

    def endpoint(self, arm: Arm) -> Endpoint:
        """Where an arm of the file's own route answers, and under which name and key."""
        model = self.base if arm == "control" or self.candidate is None else self.candidate
        return _endpoint(arm, self.project.route, ArmHere(model), self.engines())

    def endpoints(self) -> dict[str, tuple[Endpoint, Endpoint]]:
        """Base and candidate of every other route, by its name."""
        engines = self.engines()
        return {
            other.name: (
                _endpoint("control", other.name, other.arm("control"), engines),
                _endpoint("candidate", other.name, other.arm("candidate"), engines),
            )
            for other in self.others
        }

    def _ours(self) -> Iterator[tuple[str, str, StoredModel]]:
        """Each model that is served here, with the part and the route that it is first needed for."""
        yield "base", self.project.route, self.base
        if self.candidate is not None:
            yield "candidate", self.project.route, self.candidate
        for other in self.others:
            for part, arm in (("base", other.base), ("candidate", other.candidate)):
                if arm is not None and arm.ours is not None:
                    yield f"{part}.{quote(other.name, safe='')}", other.name, arm.ours


def _engine(plan: EnginePlan, port: int, needed: Sequence[tuple[str, str, StoredModel]]) -> EngineHere:
    name, route, _ = next(one for one in needed if plan.serves(one[2]))
    return EngineHere(plan, name, route, port)


def _endpoint(arm: Arm, route: str, found: ArmHere, engines: Sequence[EngineHere]) -> Endpoint:
    others = found.model.manifest.engine if found.model is not None else None
    at = found.at
    if at is not None:
        # Of what was adopted its manifest says the rest; who answers there is attested by what it says.
        return Endpoint(
            arm=arm,
            url=at.url or at.urls[0],
            urls=at.urls,
            model=at.model or (others.model if others else None),
            answers_as=at.answers_as or (ANY_NAME if others else None),
            key_env=at.key_env or (others.key_env if others else None),
        )
    if others is not None:
        # Others may call it anything; who answers there is attested by what it says (`belay adopt`).
        return Endpoint(
            arm=arm, url=others.url, model=others.model, key_env=others.key_env, answers_as=ANY_NAME
        )
    for engine in engines:
        if found.model is not None and engine.plan.serves(found.model):
            name = engine.plan.name_of(found.model, engine.alias)
            return Endpoint(arm=arm, url=engine.url, model=None if name == route else name)
    raise LookupError(f"no engine serves {found} of route {route!r}")


def _other(store: ModelStore, project: Project, name: str, given: ProjectRoute) -> OtherRoute:
    base = _arm(store, given.base, f"routes.{name}.base", is_base=True)
    candidate = None
    if given.candidate is not None:
        where = f"routes.{name}.candidate"
        candidate = _arm(store, given.candidate, where)
        if base.model is not None:
            _require_pair(store, base.model, candidate.model, f"that of routes.{name}", where)
    return OtherRoute(name, project, given, base, candidate)


def _arm(store: ModelStore, given: ArmSettings, where: str, *, is_base: bool = False) -> ArmHere:
    named = given.serve or given.adopted
    if named is None:
        return ArmHere(None, given)
    try:
        model = store.base(named) if is_base else store.get(named)
    except BelayError as error:
        raise type(error)(f"{FILE}: {where}: {error.message}", hint=error.hint) from error
    return ArmHere(model, given if given.serve is None else None)


def _require_pair(
    store: ModelStore, base: StoredModel, candidate: StoredModel | None, whose: str, key: str
) -> None:
    """Raise UsageError where a candidate was made from another base."""
    if candidate is None or store.base_of(candidate) == base:
        return
    raise UsageError(
        f"candidate {candidate.name!r} was made from base {store.base_of(candidate).name!r}, "
        f"{whose} is {base.name!r}",
        hint=f"Set {key} in {FILE} to models that belong together.",
    )
