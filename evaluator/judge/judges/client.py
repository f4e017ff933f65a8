"""A model that judges, behind the OpenAI API: one conversation in, its reply or the reason why there is none out."""

from __future__ import annotations

import functools
import os
import ssl
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import httpx

from telemetry.errors import SettingsError
from telemetry.events import Message

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_BUSY: Final = frozenset({408, 425, 429})
_SHOWN: Final = 200


class Reply(NamedTuple):
    """What the judge said; `text` is None where it said nothing, and `failure` then says why."""

    text: str | None
    failure: str = ""


class JudgeClient:
    """Asks one model, greedily. Thread-safe.

    The key is read once, from the environment variable `api_key_env`; it stands in no message, file or log.
    A lost connection, a busy or a failing server is tried `attempts` times, waiting twice as long each time, or as
    long as the server asks for. `timeout_s` is the longest silence. SettingsError where the key is not set.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key_env: str | None = None,
        attempts: int = 4,
        timeout_s: float = 120.0,
        first_pause_s: float = _FIRST_PAUSE_S,
    ) -> None:
        self.url, self.model = url.rstrip("/").removesuffix("/v1"), model
        self._key = _key(api_key_env, self.url)
        self._attempts, self._first_pause_s = attempts, first_pause_s
        # Nothing is kept alive: a grade takes seconds, a connection milliseconds, and there is nothing to close.
        self._http = httpx.Client(
            verify=_trusted(),
            timeout=timeout_s,
            headers={"authorization": f"Bearer {self._key}"} if self._key else {},
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def ask(self, conversation: Sequence[Message], max_tokens: int) -> Reply:
        """The model's answer to a conversation; never raises for what the network or the server does."""
        body = {
            "model": self.model,
            "messages": [message.model_dump() for message in conversation],
            "max_tokens": max_tokens,
            "temperature": 0.0,
        }
        failure, asked_s = "", 0.0
        for attempt in range(self._attempts):
            if attempt:
                time.sleep(max(self._first_pause_s * 2 ** (attempt - 1), asked_s))
            try:
                response = self._http.post(f"{self.url}/v1/chat/completions", json=body)
            except httpx.HTTPError as error:
                failure, asked_s = f"no answer: {type(error).__name__}", 0.0
                continue
            if response.status_code == 200:
                return self._read(response)
            failure = f"status {response.status_code}: {self._without_key(response.text)[:_SHOWN]}"
            if response.status_code < 500 and response.status_code not in _BUSY:
                return Reply(None, f"the judge at {self.url} refused: {failure}")
            asked_s = _retry_after(response)
        return Reply(None, f"the judge at {self.url} failed {self._attempts} times, at last: {failure}")

    def _read(self, response: httpx.Response) -> Reply:
        try:
            content: Any = response.json()["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError):
            said = self._without_key(response.text)[:_SHOWN]
            return Reply(None, f"the judge at {self.url} sent no chat completion: {said}")
        if not isinstance(content, str) or not content.strip():
            return Reply(None, f"the judge at {self.url} sent an empty reply")
        return Reply(content)

    def _without_key(self, text: str) -> str:
        """Some servers repeat the key that they refuse."""
        return text.replace(self._key, "***") if self._key else text


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates are trusted; read once, since that takes longer than all else in a client."""
    return httpx.create_ssl_context()


def _key(variable: str | None, url: str) -> str | None:
    if variable is None:
        return None
    if not (key := os.environ.get(variable, "").strip()):
        raise SettingsError(
            f"the judge at {url} takes its key from the environment variable {variable}, which is not set",
            hint=f"Set {variable}, or leave 'api_key_env' out where the endpoint needs no key.",
        )
    return key


def _retry_after(response: httpx.Response) -> float:
    """The seconds that the server asks for, at most half a minute; 0 where it names none."""
    try:
        return min(max(float(response.headers.get("retry-after", "0")), 0.0), _LONGEST_PAUSE_S)
    except ValueError:
        return 0.0
