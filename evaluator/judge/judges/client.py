"""A model that judges, behind the OpenAI API: one conversation in, its reply or the reason why there is none out.

200, a chat completion      a reply, also an empty one: the judge was asked and this is what it says
413, 400, 422 that say that the conversation is too long or not allowed
                            an empty reply with that reason: asked again it would say the same
400, 422 that say that no JSON schema is taken
                            no reply; it is remembered
400, 422 that name a further key of the request
                            no reply: the server does not know what is asked of it
401, 402, 403, 404          a failure for every conversation: the key, the model or the address is wrong
408, 425, 429, 5xx, a lost or silent connection
                            tried again, then a failure
anything else               a failure
"""

from __future__ import annotations

import functools
import json
import os
import ssl
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

import httpx

from evaluator.judge.judges.budget import HourlyBudget
from evaluator.judge.judges.standing import Standing
from evaluator.judge.judges.usage import Usage, usage_of
from evaluator.judge.judges.within import within
from evaluator.verifiers.judgement import Code, Failure
from telemetry.errors import SettingsError
from telemetry.events import Message, now

DEADLINE_S: Final = 120.0
LARGEST: Final = 1 << 20
"""Bytes of a reply. `max_tokens` of text are far fewer; whoever sends more is no judge."""
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
_ABOUT_THE_SCHEMA: Final = ("response_format", "json_schema", "guided", "structured output", "grammar")
"""What servers say that cannot hold a reply to a JSON schema, or not to this one."""
_JSON: Final = {"content-type": "application/json"}
_USUAL: Final = frozenset({"model", "messages", "max_tokens", "temperature", "response_format"})
NO_KEYS: Final[Mapping[str, Any]] = MappingProxyType({})
_SHOWN: Final = 200


class Reply(NamedTuple):
    """What the judge said: `text`; or `failure`, why nobody could be had; or neither, and `why` it said nothing.

    `code` counts why there is no text. `refuses_schema`: it was not asked at all, since it takes no JSON schema;
    `refuses_keys`: nor does it know a further key of the request. `whole` is all that came where such keys were sent.
    `came`: there was a chat completion, with or without a text, that took tokens; `usage` is how many, where it says.
    """

    text: str | None
    failure: Failure | None = None
    why: str = ""
    code: Code | None = None
    refuses_schema: bool = False
    refuses_keys: bool = False
    whole: Mapping[str, Any] | None = None
    came: bool = False
    usage: Usage | None = None


class Asks(Protocol):
    """Whoever brings a judging model's replies: a client, or one that knows some of them already."""

    def ask(self, conversation: Sequence[Message], max_tokens: int, *, nonce: str = "") -> Reply:
        """The model's reply to a conversation; `nonce` stands in it, and is another one in the next process."""
        ...


class _Trouble(NamedTuple):
    """An attempt that may be made again, no sooner than in `pause_s`."""

    reason: str
    pause_s: float = 0.0


class _Response(NamedTuple):
    status: int
    text: str
    headers: httpx.Headers


class JudgeClient:
    """Asks one model, greedily. Thread-safe; a bound on how many ask at once is the caller's.

    The key is read once, from the environment variable `api_key_env`; it stands in no message, file or log.
    A lost connection, a busy or a failing server is tried `attempts` times, waiting twice as long each time, or as
    long as the server asks for. `deadline_s` bounds all of that together, from the first attempt to the last byte of
    the last reply. Beyond `budget_per_hour` requests nobody is asked: a failure, with code `over_budget`.

    One that `gives_up` asks nobody any more once its judge has failed for long enough (`standing`), and fails at once.
    One that does not asks such a judge now and then, one at a time, and fails at once for all others.
    SettingsError where the key is not set.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key_env: str | None = None,
        attempts: int = 4,
        deadline_s: float | None = None,
        first_pause_s: float = _FIRST_PAUSE_S,
        gives_up: bool = True,
        budget_per_hour: int | None = None,
    ) -> None:
        self.url, self.model = url.rstrip("/").removesuffix("/v1"), model
        self.takes_schema = True
        self._key = _key(api_key_env, self.url)
        self._attempts, self._first_pause_s, self._gives_up = attempts, first_pause_s, gives_up
        self._deadline_s = DEADLINE_S if deadline_s is None else deadline_s
        self._standing, self._budget = Standing(), HourlyBudget(budget_per_hour)
        # What is kept alive or packed saves nothing beside the seconds that a grade takes, and has to be unpacked
        # within bounds and closed.
        self._http = httpx.AsyncClient(
            verify=_trusted(),
            timeout=httpx.Timeout(self._deadline_s, connect=min(self._deadline_s, _CONNECT_S)),
            headers={"accept-encoding": "identity"}
            | ({"authorization": f"Bearer {self._key}"} if self._key else {}),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    @property
    def name(self) -> str:
        """The judge, as people are told of it."""
        return f"the judge {self.model!r} at {self.url}"

    @property
    def given_up(self) -> bool:
        """Whether it asks nobody any more."""
        return self._gives_up and self._standing.given_up(time.monotonic())

    def over_budget(self) -> Reply | None:
        """The failure of whatever would be asked now, where this hour's requests are used up."""
        return self._over_budget() if self._budget.full(time.monotonic()) else None

    def ask(
        self,
        conversation: Sequence[Message],
        max_tokens: int,
        *,
        nonce: str = "",  # noqa: ARG002 - for those that keep replies
        schema: Mapping[str, Any] | None = None,
        keys: Mapping[str, Any] = NO_KEYS,
    ) -> Reply:
        """The model's answer to a conversation; never raises for what the network or the server does.

        With a JSON `schema` the reply is held to it, where the server can. `keys` are further ones of the request, or
        another temperature.
        """
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [message.model_dump() for message in conversation],
            "max_tokens": max_tokens,
            "temperature": 0.0,
            **keys,
        }
        if schema is not None:
            form = {"name": "judgement", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        until, trouble, tried = time.monotonic() + self._deadline_s, None, 0
        for attempt in range(self._attempts):
            if trouble is not None and not self._waited(attempt, trouble, until):
                break
            if self._left_alone(until):
                return self._failed(trouble.reason if trouble else self._unasked())
            if not self._budget.take(time.monotonic()):
                return self._failed(trouble.reason) if trouble else self._over_budget()
            found, tried = self._attempt(body, until), attempt + 1
            if isinstance(found, Reply):
                return found
            trouble = found
        return self._failed(f"it failed {tried} times, at last: {trouble.reason if trouble else ''}")

    def _waited(self, attempt: int, trouble: _Trouble, until: float) -> bool:
        """Wait before another attempt; False, at once, where that would take too long."""
        pause = max(self._first_pause_s * 2 ** (attempt - 1), trouble.pause_s)
        if time.monotonic() + pause >= until:
            return False
        if not self.given_up:
            time.sleep(pause)
        return True

    def _left_alone(self, until: float) -> bool:
        """Whether it is not asked now, since it has been away for some time."""
        return self.given_up if self._gives_up else not self._standing.lets_in(time.monotonic(), until)

    def _attempt(self, body: Mapping[str, Any], until: float) -> Reply | _Trouble:
        began = time.monotonic()
        try:
            response = within(until - began, self._post(body))
        except TimeoutError:
            return self._trouble(began, f"no answer: none within {self._deadline_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return self._trouble(began, f"no answer: {_named(error)}")
        if response is None:
            return self._failed_reply(began, f"it sent more than {LARGEST:,} bytes")
        further = sorted(body.keys() - _USUAL)
        if response.status == 200:
            return self._read(response, began, whole=bool(further))
        said = self._without_key(response.text)[:_SHOWN]
        if _says(response, _ABOUT_THE_SCHEMA) and "response_format" in body:
            self._standing.answered()
            self.takes_schema = False
            return Reply(None, why=f"the judge takes no JSON schema: {said}", refuses_schema=True)
        if further and _says(response, further):
            self._standing.answered()
            return Reply(None, why=f"it does not take what it is asked: {said}", refuses_keys=True)
        if response.status == 413 or _says(response, _ABOUT_THE_CONVERSATION):
            self._standing.answered()
            return Reply(None, why=f"the judge does not take this conversation: {said}", code="declined")
        failure = f"status {response.status}: {said}"
        trouble = self._trouble(began, failure, for_all=response.status in _FOR_ALL)
        if response.status < 500 and response.status not in _BUSY:
            return self._failed(f"it refused: {failure}")
        return trouble._replace(pause_s=_retry_after(response))

    async def _post(self, body: Mapping[str, Any]) -> _Response | None:
        """The response, read as far as it may be long; None where it is longer."""
        url, said = f"{self.url}/v1/chat/completions", json.dumps(body)
        async with self._http.stream("POST", url, content=said, headers=_JSON) as response:
            raw = bytearray()
            async for part in response.aiter_raw():
                raw += part
                if len(raw) > LARGEST:
                    return None
            return _Response(response.status_code, raw.decode("utf-8", "replace"), response.headers)

    def _read(self, response: _Response, began: float, *, whole: bool) -> Reply:
        try:
            said = json.loads(response.text)
            choice = said["choices"][0]
            message = choice["message"]
            text, refusal = text_of(message["content"]), message.get("refusal")
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
            return self._failed_reply(
                began, f"it sent no chat completion: {self._without_key(response.text)[:_SHOWN]}"
            )
        self._standing.answered()
        reply = Reply(None, whole=said if whole else None, came=True, usage=usage_of(said))
        if text.strip():
            return reply._replace(text=self._without_key(text))
        if refusal or choice.get("finish_reason") == "content_filter":
            why = f"the judge declines: {self._without_key(str(refusal or ''))[:_SHOWN]}"
            return reply._replace(why=why, code="declined", whole=None)
        return reply._replace(why="the judge's reply is empty", code="no_grade")

    def _trouble(self, began: float, reason: str, *, for_all: bool = False) -> _Trouble:
        self._standing.failed(began, now(), reason, for_all=for_all, ended=time.monotonic())
        return _Trouble(reason)

    def _failed_reply(self, began: float, reason: str) -> Reply:
        """A reply that is none; the same server would send the like again."""
        self._trouble(began, reason)
        return self._failed(reason)

    def _failed(self, reason: str) -> Reply:
        failure = Failure(self.name, reason, self._standing.since or now(), self.given_up)
        return Reply(None, failure, code="failed")

    def _unasked(self) -> str:
        return f"not asked {'any more' if self.given_up else 'for now'}, after {self._standing.last}"

    def _over_budget(self) -> Reply:
        reason = f"its budget of {self._budget.limit} requests an hour is used up"
        return Reply(None, Failure(self.name, reason, now()), code="over_budget")

    def _without_key(self, text: str) -> str:
        """Some servers repeat the key that they refuse."""
        return text.replace(self._key, "***") if self._key else text


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or a list of parts of which the text ones count; "" for None."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise TypeError(f"content is a {type(content).__name__}")
    texts = [part if isinstance(part, str) else part.get("text") for part in content]
    return "".join(text for text in texts if isinstance(text, str))


def _named(error: Exception) -> str:
    """What went wrong on the way, with the system's own words where it has any."""
    return f"{type(error).__name__} ({error})" if str(error) else type(error).__name__


def _says(response: _Response, words: Sequence[str]) -> bool:
    """Whether a refusal of this one request has one of the words: it would be the same however often it is sent."""
    said = response.text.lower() if response.status in {400, 422} else ""
    return any(word in said for word in words)


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


def _retry_after(response: _Response) -> float:
    """The seconds that the server asks for, at most half a minute; 0 where it names none."""
    try:
        return min(max(float(response.headers.get("retry-after", "0")), 0.0), _LONGEST_PAUSE_S)
    except ValueError:
        return 0.0
