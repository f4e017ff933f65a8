"""Where a model answers: an engine's URL, the model's name there, and who holds the key."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from serving.models.manifest import EngineOfOthers
from telemetry.errors import SettingsError, UsageError


@dataclass(frozen=True, slots=True)
class ModelAddress:
    """A model at an engine that speaks the OpenAI API. `url` is the engine's root, with or without `/v1`.

    `key_env` names the environment variable that holds the engine's key; the key itself is in no value of ours.
    """

    url: str
    model: str
    key_env: str | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for what is no URL of an engine."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                f"{self.url!r} is no engine's URL, expected something like 'http://127.0.0.1:8001'",
                hint="Give the root of an engine that speaks the OpenAI API, with or without /v1.",
            )

    @classmethod
    def of(cls, engine: EngineOfOthers) -> ModelAddress:
        """Where a model answers that others run, as its manifest has it. Raises UsageError."""
        return cls(engine.url, engine.model, engine.key_env)

    @property
    def root(self) -> str:
        """The URL without `/v1`."""
        return self.url.rstrip("/").removesuffix("/v1")

    @property
    def headers(self) -> dict[str, str]:
        """What every request to the engine carries. Raises SettingsError where the key is not set."""
        return authorization(self.key_env, self.root)


def authorization(key_env: str | None, who: str) -> dict[str, str]:
    """The header with the key that the environment variable `key_env` holds; none where there is no variable.

    Raises SettingsError, naming `who` wants it, where the variable is not set.
    """
    if key_env is None:
        return {}
    key = os.environ.get(key_env, "").strip()
    if not key:
        raise SettingsError(
            f"{who} takes its key from the environment variable {key_env}, which is not set",
            hint=f"Set {key_env}, or leave it out where the engine needs no key.",
        )
    return {"authorization": f"Bearer {key}"}
