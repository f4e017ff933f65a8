"""Whom control tells of what. Secrets are named by the environment's variables that hold them, and never written."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from telemetry.errors import SettingsError
from telemetry.events import Status
from telemetry.settings import Port, Settings

Url = Annotated[str, Field(pattern=r"^https?://")]


class Webhook(Settings):
    """A POST of the notice as JSON, signed as Standard Webhooks has it with the secret in `secret_env`."""

    url: Url
    secret_env: str


class Slack(Settings):
    """An incoming webhook in Slack's form; `url_env` names the variable with its address, which is a secret."""

    url_env: str


class Email(Settings):
    """A mail by SMTP. `security` is how the connection is kept private; `password_env` belongs to `user`."""

    model_config = ConfigDict(populate_by_name=True)

    host: str
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: Annotated[str, Field(alias="from")]
    to: Annotated[tuple[str, ...], Field(min_length=1)]
    user: str | None = None
    password_env: str | None = None


class NotifySettings(Settings):
    """Who is told when a rollout's status becomes one of `on`. `link` is where people open control's page."""

    on: tuple[Status, ...] = ("rolled_back", "paused", "promoted")
    link: Url | None = None
    webhooks: tuple[Webhook, ...] = ()
    slack: tuple[Slack, ...] = ()
    email: tuple[Email, ...] = ()


def secret(variable: str) -> str:
    """What the environment holds under this name. Raises SettingsError where it is not set."""
    found = os.environ.get(variable)
    if not found:
        raise SettingsError(
            f"notify: the environment has no {variable}",
            hint="Set it for the control process, or take the channel that names it out of `notify`.",
        )
    return found
