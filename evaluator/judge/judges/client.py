"""A model that judges, behind the OpenAI API: one conversation in, its reply or the reason why there is none out.

200, a chat completion      a reply, also an empty one: the judge was asked and this is what it says
413, 400, 422 that say that the conversation is too long or not allowed
                            an empty reply with that reason: asked again it would say the same
401, 402, 403, 404          a failure for every conversation: the key, the model or the address is wrong
408, 425, 429, 5xx, a lost or silent connection
                            tried again, then a failure
anything else               a failure
"""

from __future__ import annotations

import functools
import os
import ssl
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

import httpx

from evaluator.judge.judges.standing import Standing
from evaluator.verifiers.judgement import Failure
from telemetry.errors import SettingsError
from telemetry.events import Message, now

TIMEOUT_S: Final = 120.0
_CONNECT_S: Final = 10.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_BUSY: Final = frozenset({408, 425, 429})
_FOR_ALL: Final = frozenset({401, 402, 403, 404})
_ABOUT_THE_CONVERSATION: Final = (
    "context_length_exceeded",
    "context length",
    "maximum model length",
    "context size",
    "content_filter",
    "content management policy",
)
"""What OpenAI, Azure, vLLM and llama.cpp say of a conversation that they do not take, whoever sends it how often."""
_SHOWN: Final = 200


class Reply(NamedTuple):
    """What the judge said: `text`; or `failure`, why nobody could be had; or neither, and `why` it said nothing."""

    text: str | None
    failure: Failure | None = None
    why: str = ""


class Asks(Protocol):
    """Whoever brings a judging model's replies: a client, or one that knows some of them already."""

    def ask(self, conversation: Sequence[Message], max_tokens: int) -> Reply:
        """The model's reply to a conversation."""
        ...


class JudgeClient:
    """Asks one model, greedily. Thread-safe.

    The key is read once, from the environment variable `api_key_env`; it stands in no message, file or log.
    A lost connection, a busy or a failing server is tried `attempts` times, waiting twice as long each time, or as
    long as the server asks for. `timeout_s` is the longest silence. One that `gives_up` asks nobody any more once its
    judge has failed for long enough (`standing`), and fails at once. SettingsError where the key is not set.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key_env: str | None = None,
        attempts: int = 4,
        timeout_s: float | None = None,
        first_pause_s: float = _FIRST_PAUSE_S,
        gives_up: bool = True,
    ) -> None:
        self.url, self.model = url.rstrip("/").removesuffix("/v1"), model
        self._key = _key(api_key_env, self.url)
        self._attempts, self._first_pause_s, self._gives_up = attempts, first_pause_s, gives_up
        self._standing = Standing()
        longest = TIMEOUT_S if timeout_s is None else timeout_s
        # Nothing is kept alive: a grade takes seconds, a connection milliseconds, and there is nothing to close.
        self._http = httpx.Client(
            verify=_trusted(),
            timeout=httpx.Timeout(longest, connect=min(longest, _CONNECT_S)),
            headers={"authorization": f"Bearer {self._key}"} if self._key else {},
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    @property
    def name(self) -> str:
        """The judge, as people are told of it."""
        return f"the judge {self.model!r} at {self.url}"

    @property
    def given_up(self) -> bool:
        """Whether it asks nobody any more."""
        return self._gives_up and self._standing.given_up(time.monotonic())

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
            if attempt and not self.given_up:
                time.sleep(max(self._first_pause_s * 2 ** (attempt - 1), asked_s))
            if self.given_up:
                return self._failed(failure or f"not asked any more, after {self._standing.last}")
            began = time.monotonic()
            try:
                response = self._http.post(f"{self.url}/v1/chat/completions", json=body)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failure, asked_s = f"no answer: {_named(error)}", 0.0
                self._standing.failed(began, now(), failure)
                continue
            if response.status_code == 200 or _about_the_conversation(response):
                return self._read(response, began)
            failure = f"status {response.status_code}: {self._without_key(response.text)[:_SHOWN]}"
            self._standing.failed(began, now(), failure, for_all=response.status_code in _FOR_ALL)
            if response.status_code < 500 and response.status_code not in _BUSY:
                return self._failed(f"it refused: {failure}")
            asked_s = _retry_after(response)
        return self._failed(f"it failed {self._attempts} times, at last: {failure}")

    def _read(self, response: httpx.Response, began: float) -> Reply:
        said = self._without_key(response.text)[:_SHOWN]
        if response.status_code != 200:
            self._standing.answered()
            return Reply(None, why=f"the judge does not take this conversation: {said}")
        try:
            content: Any = response.json()["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError):
            self._standing.failed(began, now(), said)
            return self._failed(f"it sent no chat completion: {said}")
        self._standing.answered()
        if not isinstance(content, str) or not content.strip():
            return Reply(None, why="the judge's reply is empty")
        return Reply(content)

    def _failed(self, reason: str) -> Reply:
        return Reply(None, Failure(self.name, reason, self._standing.since or now(), self.given_up))

    def _without_key(self, text: str) -> str:
        """Some servers repeat the key that they refuse."""
        return text.replace(self._key, "***") if self._key else text


def _named(error: Exception) -> str:
    """What went wrong on the way, with the system's own words where it has any."""
    return f"{type(error).__name__} ({error})" if str(error) else type(error).__name__


def _about_the_conversation(response: httpx.Response) -> bool:
    """Whether a refusal is of this one conversation, and would be the same however often it is sent."""
    if response.status_code == 413:
        return True
    said = response.text.lower() if response.status_code in {400, 422} else ""
    return any(words in said for words in _ABOUT_THE_CONVERSATION)


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
