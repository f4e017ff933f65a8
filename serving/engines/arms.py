"""What an arm is: a name, where its engine answers, and the model it must be serving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, model_validator

from serving.engines.address import ModelAddress
from telemetry.events import Arm

ANY_NAME: Final = "*"


class Endpoint(BaseModel):
    """One arm's engine as the router sees it.

    `urls` are its replicas where it has several; `url` is the first of them then. `model` replaces the request's model
    name on the way out where the engine knows the model by another name (an adapter on a shared engine); None leaves
    the body untouched. `answers_as` is the name that its answers have, where that is another one than `model`; `*`
    takes any. `key_env` names the environment variable with the engine's own key, which then replaces what the client
    sent as authorization.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: Arm
    url: str
    urls: tuple[str, ...] = ()
    model: str | None = None
    answers_as: str | None = None
    key_env: str | None = None

    @property
    def replicas(self) -> tuple[str, ...]:
        """Where it answers: one URL or several, each of which serves the same."""
        return self.urls or (self.url,)

    @model_validator(mode="before")
    @classmethod
    def _first_of_several(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("url") is None:
            urls = given.get("urls")
            if isinstance(urls, list | tuple) and urls:
                return {**given, "url": urls[0]}
        return given

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if self.urls and self.url != self.urls[0]:
            raise ValueError(f"url is {self.url!r} beside urls that begin with {self.urls[0]!r}: give one")
        if len(set(self.urls)) < len(self.urls):
            raise ValueError(f"urls has a replica twice: {', '.join(self.urls)}")
        return self


def addresses_of(endpoint: Endpoint, alias: str) -> list[ModelAddress]:
    """Where each replica of an arm answers; by `alias` where the endpoint has no name of its own. Raises UsageError."""
    return [ModelAddress(url, endpoint.model or alias, endpoint.key_env) for url in endpoint.replicas]
