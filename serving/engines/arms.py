"""What an arm is: a name, where its engine answers, and the model it must be serving."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from telemetry.events import Arm


class Endpoint(BaseModel):
    """One arm's engine as the router sees it.

    `model` replaces the request's model name on the way out where the engine knows the model by another
    name (an adapter on a shared engine); None leaves the body untouched. `key_env` names the environment variable with
    the engine's own key, which then replaces what the client sent as authorization.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: Arm
    url: str
    model: str | None = None
    key_env: str | None = None
