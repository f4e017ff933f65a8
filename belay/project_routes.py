"""`routes` of `belay.yaml`: further models that clients may ask for, each with a base and a candidate of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from router.proxy.settings import RouteName, is_reachable
from telemetry.events import AdvancePolicy
from telemetry.settings import Settings

_THIS_MACHINE: Final = ("127.0.0.1", "localhost", "::1")


class ArmSettings(Settings):
    """One arm: a model of the home that `belay up` serves, or where an engine answers already.

    `serve` is the model's name in the home; an adapter is served by the engine of its base. `url`, or `urls` where
    several engines serve the same, is an address of the OpenAI API, `model` what that engine calls the model, where
    clients call it otherwise, `answers_as` and `key_env` as of the router's arms. `adopted` is its name in the home:
    without one it answers, and no rollout of it can be drafted here.
    """

    serve: str | None = None
    url: str | None = None
    urls: tuple[str, ...] = ()
    model: str | None = None
    answers_as: str | None = None
    key_env: str | None = None
    adopted: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = [
            name for name, value in (("serve", self.serve), ("url", self.url), ("urls", self.urls)) if value
        ]
        if len(given) != 1:
            found = " and ".join(given) if given else "none of them"
            raise ValueError(
                f"expected either a model to serve (serve) or where it answers (url, or urls), found {found}"
            )
        beside = [n for n in ("model", "answers_as", "key_env", "adopted") if getattr(self, n) is not None]
        if self.serve is not None and beside:
            raise ValueError(f"{beside[0]} goes with url or urls; what is served here has its own names")
        if len(set(self.urls)) < len(self.urls):
            raise ValueError(f"urls has a replica twice: {', '.join(self.urls)}")
        for url in self.urls or (self.url,):
            if url is not None and not is_reachable(url):
                raise ValueError(f"expected an address like 'http://127.0.0.1:8001', found {url!r}")
        return self


def _served(given: Any) -> Any:
    return {"serve": given} if isinstance(given, str) else given


ArmOf = Annotated[ArmSettings, BeforeValidator(_served)]


class ProjectRoute(Settings):
    """A route beside the file's own, under the name that clients ask for.

    `base` and `candidate` are names in the home, or arms (`ArmSettings`). What it does not say of brief, stages,
    advance and shadow is as the file says of its own route.
    """

    base: ArmOf
    candidate: ArmOf | None = None
    brief: Path | None = None
    stages: str | None = None
    advance: AdvancePolicy | None = None
    shadow: Annotated[float, Field(ge=0, le=1)] | None = None


ProjectRoutes = dict[RouteName, ProjectRoute]


def named_twice(routes: Mapping[str, object], own: str | None, passed_on: object) -> str | None:
    """What is wrong where a route's name stands twice: as the file's own, or among those passed on to the router."""
    if own in routes:
        return f"{own!r} is the file's own route (`route`) already; a name has one route"
    others = passed_on.get("routes") if isinstance(passed_on, Mapping) else None
    for name in routes:
        if isinstance(others, Mapping) and name in others:
            return f"{name!r} stands in `router: routes` already; a name has one route"
    return None


def served_by_ourselves(routes: Mapping[str, ProjectRoute], ports: Mapping[str, int]) -> str | None:
    """What is wrong where an arm's address is that of our own router or control, which would ask itself for ever."""
    ours = {ports[name]: name for name in ("router", "status", "control")}
    for name, route in routes.items():
        for arm, settings in (("base", route.base), ("candidate", route.candidate)):
            for url in (settings.urls or (settings.url,)) if settings is not None else ():
                at = urlsplit(url or "")
                if at.hostname in _THIS_MACHINE and at.port in ours:
                    return f"{name!r}: its {arm} is at {url}, where {ours[at.port]} of this file listens"
    return None
