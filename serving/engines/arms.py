"""What an arm is: a name, where its engine answers, and the model it must be serving."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

from telemetry.events import Arm

ANY_NAME: Final = "*"


class Endpoint(BaseModel):
    """One arm's engine as the router sees it.

    `model` replaces the request's model name on the way out where the engine knows the model by another name (an
    adapter on a shared engine); None leaves the body untouched. `answers_as` is the name that its answers have, where
    that is another one than `model`; `*` takes any. `key_env` names the environment variable with the engine's own
    key, which then replaces what the client sent as authorization.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: Arm
    url: str
    model: str | None = None
    answers_as: str | None = None
    key_env: str | None = None
