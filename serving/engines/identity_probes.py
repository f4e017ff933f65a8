"""Asking a model that others run who it is: the fixed prompts, and what is kept of the answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import ValidationError

from serving.engines.address import ModelAddress
from serving.engines.identity import Comparison, Identity, ProbeAnswer, alike_in, compare, gap_between
from telemetry.errors import AttestationError, EngineFailed
from telemetry.files import write_renamed

IDENTITY: Final = "identity.json"
VERSION: Final = "1"
PROBES: Final = (
    "What is the capital of Norway?",
    "Name a colour.",
    "Write the first line of a poem about rain.",
    "What is 17 plus 26?",
    "Translate to French: the train is late.",
    "List three animals that live in the sea.",
    "Is ice colder than steam? Answer yes or no.",
    "Continue: Once upon a time, in a small village,",
    "Write a Python function that reverses a string.",
    "My order has not arrived. What should I do?",
    "Give the opposite of the word 'ancient'.",
    "Summarise in one sentence: The cat sat on the mat and slept until noon.",
    "What comes next: 2, 4, 8, 16?",
    'Reply with JSON that has the key "name".',
    "Who wrote Hamlet?",
    "Explain why the sky is blue.",
)
TOKENS: Final = 16
TOKENS_OF_OURS: Final = 1
"""An engine of ours tells log-probabilities of the first token, so that no further one has to be waited for."""
_TOP: Final = 5
_TIMEOUT_S: Final = 60.0
AT_ONCE: Final = 8
_FAILED: Final = frozenset({401, 403, 408, 425, 429})
_NO_LOGPROBS: Final = frozenset({400, 404, 422, 501})
_NOT_THERE: Final = 404


class NotServed(EngineFailed):
    """An engine answers that it serves no model of that name."""


def take_identity(address: ModelAddress, tokens: int = TOKENS) -> Identity:
    """Ask every probe three times, alone and under load, and hold fast what was said. Raises EngineFailed.

    An engine that tells no log-probabilities is known by its words alone: it gives `TOKENS` of them, whatever is asked.
    """
    first = ask_probes(address, tokens)
    if tokens < TOKENS and not all(answer.first for answer in first):
        return take_identity(address, TOKENS)
    again = [ask_probes(address, tokens), ask_probes(address, tokens, at_once=AT_ONCE)]
    return Identity(
        version=VERSION,
        engine=engine_of(address),
        answers=tuple(first),
        noise=max(gap_between(first, other) for other in again),
        alike=min(alike_in(first, other) for other in again),
        tokens=tokens,
    )


def check_identity(address: ModelAddress, known: Identity) -> Comparison:
    """Whether the model that `known` is of still answers there. Raises EngineFailed where nobody answers."""
    return compare(known, ask_probes(address, known.tokens))


def engine_of(address: ModelAddress) -> str:
    """The engine and its version, as vLLM tells it; another one is only known to speak the OpenAI API.

    Raises EngineFailed where nobody answers, or with a failure: what is not known now is no property of the engine.
    """
    url = f"{address.root}/version"
    try:
        answer = httpx.get(url, headers=address.headers, timeout=_TIMEOUT_S)
    except httpx.HTTPError as error:
        raise EngineFailed(
            f"no engine answers at {url}: {error!r}", hint="Start it, or correct the URL."
        ) from error
    if answer.status_code >= 500 or answer.status_code in _FAILED:
        raise EngineFailed(
            f"the engine at {url} failed: status {answer.status_code}: {answer.text[:200]}",
            hint="See its log, and whether it wants a key: --key-env.",
        )
    try:
        return f"vllm {answer.json()['version']}"
    except (ValueError, KeyError, TypeError):
        return "an engine that speaks the OpenAI API"


def save_identity(folder: Path, identity: Identity) -> None:
    """Write it into a model's folder."""
    write_renamed(folder / IDENTITY, (identity.model_dump_json(indent=2) + "\n").encode())


def load_identity(folder: Path) -> Identity:
    """The identity in a model's folder. Raises AttestationError where there is none that can be read."""
    path = folder / IDENTITY
    try:
        found = Identity.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise AttestationError(
            f"{path} does not say who the model is: {error}", hint="Adopt it again: `belay adopt URL`."
        ) from error
    if found.version != VERSION:
        raise AttestationError(
            f"{path} has the answers to probes of version {found.version!r}, this Belay asks version {VERSION!r}",
            hint="Adopt it again: `belay adopt URL`.",
        )
    return found


def ask_probes(address: ModelAddress, tokens: int, *, at_once: int = 1) -> list[ProbeAnswer]:
    """What is answered there to each probe, with at most so many tokens. Raises EngineFailed and SettingsError."""
    with httpx.Client(timeout=_TIMEOUT_S, headers=address.headers) as http:
        threads = ThreadPoolExecutor(max_workers=at_once)
        try:
            return list(threads.map(lambda text: _ask(http, address, text, tokens), PROBES))
        finally:  # one that failed is reason enough: an engine that hangs is not waited for at each probe
            threads.shutdown(cancel_futures=True)


def _ask(http: httpx.Client, address: ModelAddress, text: str, tokens: int) -> ProbeAnswer:
    body: dict[str, Any] = {
        "model": address.model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": tokens,
        "temperature": 0.0,
        "logprobs": True,
        "top_logprobs": _TOP,
    }
    answer = _post(http, address, body)
    if answer.status_code in _NO_LOGPROBS:
        answer = _post(http, address, {k: v for k, v in body.items() if "logprobs" not in k})
    if answer.status_code != 200:
        kind = NotServed if answer.status_code == _NOT_THERE else EngineFailed
        raise kind(
            f"model {address.model!r} at {address.root} did not answer a probe: status {answer.status_code}: "
            f"{answer.text[:200]}",
            hint="Is the model's name right, and the key? `belay adopt URL --model NAME --key-env VARIABLE`.",
        )
    try:
        choice = answer.json()["choices"][0]
        return ProbeAnswer(text=choice["message"]["content"] or "", first=_first_token(choice))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise EngineFailed(
            f"{address.root} sent no chat completion to a probe ({error!r}): {answer.text[:200]}",
            hint="Give the root of an engine that speaks the OpenAI API, with or without /v1.",
        ) from error


def _post(http: httpx.Client, address: ModelAddress, body: dict[str, Any]) -> httpx.Response:
    try:
        return http.post(f"{address.root}/v1/chat/completions", json=body)
    except httpx.HTTPError as error:
        raise EngineFailed(
            f"no engine answers at {address.root}: {error!r}", hint="Start it, or correct the URL."
        ) from error


def _first_token(choice: Any) -> dict[str, float]:
    """The likeliest first tokens by their log-probability; empty where the engine tells none."""
    content: Sequence[Any] = ((choice.get("logprobs") or {}).get("content")) or []
    if not content:
        return {}
    return {
        json.dumps(one["token"])[1:-1]: round(float(one["logprob"]), 4) for one in content[0]["top_logprobs"]
    }
