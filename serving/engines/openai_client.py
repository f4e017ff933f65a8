"""Asks one model many prompts over the OpenAI API, concurrently, for baseline and audit."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import aiohttp

from serving.progress import Report, silent
from telemetry.errors import EngineFailed
from telemetry.events import Message

_ATTEMPTS: Final = 4
_FIRST_PAUSE_S: Final = 0.25
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer. Where `error` says why there is none, `text` is empty.

    `tokens` counts what the engine generated; `latency_ms` is from sending to the last byte, retries apart.
    """

    text: str
    finish_reason: str | None
    tokens: int
    latency_ms: float
    error: str | None = None


OnAnswer = Callable[[int, Completion], None]
"""Called with a prompt's index and its completion as soon as that is there."""


def no_one(index: int, completion: Completion) -> None:
    """Completions as they arrive, to nobody."""


@dataclass(frozen=True, slots=True)
class _Ask:
    """What all requests of one call share."""

    url: str
    model: str
    max_tokens: int
    temperature: float


def complete_many(
    url: str,
    model: str,
    prompts: Sequence[Sequence[Message]],
    max_tokens: int,
    *,
    concurrency: int = 16,
    temperature: float = 0.0,
    timeout_s: float = 120.0,
    headers: Mapping[str, str] = _NONE,
    progress: Report | None = None,
    on_answer: OnAnswer = no_one,
) -> list[Completion]:
    """The answers to `prompts`, in their order; see `complete_many_async`, which needs a running loop."""
    return asyncio.run(
        complete_many_async(
            url,
            model,
            prompts,
            max_tokens,
            concurrency=concurrency,
            temperature=temperature,
            timeout_s=timeout_s,
            headers=headers,
            progress=progress,
            on_answer=on_answer,
        )
    )


async def complete_many_async(
    url: str,
    model: str,
    prompts: Sequence[Sequence[Message]],
    max_tokens: int,
    *,
    concurrency: int = 16,
    temperature: float = 0.0,
    timeout_s: float = 120.0,
    headers: Mapping[str, str] = _NONE,
    progress: Report | None = None,
    on_answer: OnAnswer = no_one,
) -> list[Completion]:
    """The answers to `prompts`, in their order, at most `concurrency` at a time; temperature 0 is greedy.

    `headers` go with every request, such as the engine's key. A lost connection or a 5xx is tried four times. A prompt
    that the engine refuses, or does not answer in `timeout_s`, yields a completion with `error`; an engine that
    nobody can connect to raises EngineFailed. Each completion is handed to `on_answer` as it arrives, so that what is
    there can be kept when the rest fails.
    """
    ask = _Ask(url.rstrip("/").removesuffix("/v1"), model, max_tokens, temperature)
    report, done = progress or silent, 0
    free = asyncio.Semaphore(concurrency)
    client = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=concurrency),
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        headers=headers,
    )

    async def one(index: int, prompt: Sequence[Message]) -> Completion:
        nonlocal done
        async with free:
            completion = await _complete(client, ask, prompt)
        on_answer(index, completion)
        done += 1
        report(done, len(prompts), model)
        return completion

    try:
        async with client, asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(index, prompt)) for index, prompt in enumerate(prompts)]
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None  # the first to fail cancelled the rest
    return [task.result() for task in tasks]


async def _complete(client: aiohttp.ClientSession, ask: _Ask, prompt: Sequence[Message]) -> Completion:
    failure = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            await asyncio.sleep(_FIRST_PAUSE_S * 2 ** (attempt - 1))
        started = time.perf_counter()
        try:
            status, body = await _post(client, ask, prompt)
        except aiohttp.ClientConnectorError as error:
            failure, away = str(error), error
        except aiohttp.ClientError as error:
            failure, away = f"connection lost: {error!r}", None
        except TimeoutError:
            return _error(f"no answer within {client.timeout.total:g} s", started)
        else:
            if status < 500:
                return _read(status, body, started)
            failure, away = f"status {status}: {body}", None
    if away is not None:
        raise EngineFailed(
            f"no engine answers at {ask.url} after {_ATTEMPTS} attempts: {failure}",
            hint="Start it, or see in its log why it died.",
        ) from away
    return _error(failure, started)


async def _post(client: aiohttp.ClientSession, ask: _Ask, prompt: Sequence[Message]) -> tuple[int, Any]:
    body = {
        "model": ask.model,
        "messages": [message.model_dump() for message in prompt],
        "max_tokens": ask.max_tokens,
        "temperature": ask.temperature,
    }
    async with client.post(f"{ask.url}/v1/chat/completions", json=body) as response:
        text = await response.text(errors="replace")
    try:
        return response.status, json.loads(text)
    except ValueError:
        return response.status, text


def _read(status: int, body: Any, started: float) -> Completion:
    if status != 200:
        return _error(f"status {status}: {body}", started)
    try:
        choice = body["choices"][0]
        return Completion(
            text=choice["message"]["content"] or "",
            finish_reason=choice["finish_reason"],
            tokens=(body.get("usage") or {}).get("completion_tokens", 0),
            latency_ms=(time.perf_counter() - started) * 1000.0,
        )
    except (KeyError, IndexError, TypeError) as error:
        return _error(f"not a chat completion ({error!r}): {body}", started)


def _error(reason: str, started: float) -> Completion:
    elapsed_ms = (time.perf_counter() - started) * 1000.0
    return Completion(text="", finish_reason=None, tokens=0, latency_ms=elapsed_ms, error=reason)
