"""Before an audit: is the candidate that answers the candidate, and do both endpoints render chats as their folders?

An adapter that was not loaded, or a model name that leads to base, gives a perfect audit: nothing is lost where
nothing changed. So both models are asked the log-probabilities of the same texts; two models whose hashes differ
must differ there too. What an endpoint does not offer is reported as not checked, never as fine. A baseline keeps
base's log-probabilities, so that a candidate is probed also where base is not served any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import httpx

from evaluator.audit.measures.measure import ServedModel
from telemetry.errors import EngineFailed, InfrastructureError
from telemetry.events import Value

PROBES: Final = (
    "Question: Which gas do plants take in from the air?\nAnswer: carbon dioxide",
    "Dear customer, thank you for your message. We have received your order and will ship it within two days.",
    "def total(values):\n    result = 0\n    for value in values:\n        result += value\n    return result",
    '{"name": "Tom", "age": 41, "job": "baker", "city": "Geneva"}',
    "12 + 30 = 42, and 42 - 7 = 35, so the shop has 35 boxes left.",
    "1. Switzerland\n2. Norway\n3. Iceland\n4. Canada",
    "The film was far too long, and the ending made no sense at all; I would not watch it again.",
    "Le train pour Paris part du quai numero trois.",
)
"""Texts of several kinds: a fine-tune that leaves one of them untouched seldom leaves all."""
CHATS: Final[tuple[list[dict[str, str]], ...]] = (
    [{"role": "user", "content": "What is the capital of Norway?"}],
    [
        {"role": "system", "content": "Answer in one word."},
        {"role": "user", "content": "Is ice colder than steam?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": " And than snow?\n"},
    ],
)
NOISE_FACTOR: Final = 4.0
"""Models differ where their gap exceeds so many times the gap of base to itself, asked twice."""
_TIMEOUT_S: Final = 60.0

_FAILED: Final = frozenset({401, 403, 408, 425, 429})
"""Refusals that do not say what the endpoint offers; to keep them as "no log-probabilities" would keep a failure."""

State = Literal["ok", "not checked"]


class Fingerprint(Value):
    """Log-probabilities of the probes' tokens by one model, in nats, asked twice: that tells its engine's noise."""

    first: tuple[tuple[float, ...], ...]
    again: tuple[tuple[float, ...], ...]


class ProbeFailed(InfrastructureError):
    """What answers is not what should: an audit of it would say nothing about the candidate."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `ok`, or `not checked` with the reason."""

    state: State
    note: str


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What the probe saw. A failed check raises ProbeFailed instead."""

    adapter: Check
    base_template: Check
    candidate_template: Check

    @property
    def lines(self) -> tuple[str, ...]:
        """One line a check, for people."""
        named = (
            ("candidate differs from base", self.adapter),
            ("base's chat template", self.base_template),
            ("candidate's chat template", self.candidate_template),
        )
        return tuple(f"{name}: {check.state} ({check.note})" for name, check in named)


def check_models(base: ServedModel, candidate: ServedModel) -> ProbeReport:
    """Probe both endpoints. Raises ProbeFailed where one is not what it should be, EngineFailed where one is away."""
    with httpx.Client(timeout=_TIMEOUT_S) as http:
        _check_name(http, base, "base")
        _check_name(http, candidate, "candidate")
        return ProbeReport(
            adapter=_check_adapter(http, base, candidate),
            base_template=_check_template(http, base, "base"),
            candidate_template=_check_template(http, candidate, "candidate"),
        )


def take_fingerprint(model: ServedModel) -> Fingerprint | None:
    """A model's fingerprint; None where its endpoint gives no log-probabilities of prompts. Raises EngineFailed."""
    with httpx.Client(timeout=_TIMEOUT_S) as http:
        return _fingerprint(http, model)


def check_candidate(base: Fingerprint | None, base_sha256: str, candidate: ServedModel) -> ProbeReport:
    """Probe the candidate's endpoint alone, against what was kept of base. Raises as `check_models` does."""
    away = Check("not checked", "base is not served")
    with httpx.Client(timeout=_TIMEOUT_S) as http:
        _check_name(http, candidate, "candidate")
        return ProbeReport(
            adapter=_check_against(http, base, base_sha256, candidate),
            base_template=away,
            candidate_template=_check_template(http, candidate, "candidate"),
        )


def _check_adapter(http: httpx.Client, base: ServedModel, candidate: ServedModel) -> Check:
    kept = None if base.sha256 == candidate.sha256 else _fingerprint(http, base)
    return _check_against(http, kept, base.sha256, candidate)


def _check_against(
    http: httpx.Client, base: Fingerprint | None, base_sha256: str, candidate: ServedModel
) -> Check:
    if base_sha256 == candidate.sha256:
        return Check("not checked", f"both are the same model, sha256 {base_sha256[:12]}")
    if base is None:
        return Check("not checked", "base's endpoint gave no log-probabilities of prompts")
    other = _all_logprobs(http, candidate)
    if other is None:
        return Check("not checked", "the candidate's endpoint gives no log-probabilities of prompts")
    return compare(base.first, base.again, other, candidate)


def _fingerprint(http: httpx.Client, model: ServedModel) -> Fingerprint | None:
    first = _all_logprobs(http, model)
    again = None if first is None else _all_logprobs(http, model)
    return None if first is None or again is None else Fingerprint(first=first, again=again)


def _all_logprobs(http: httpx.Client, model: ServedModel) -> tuple[tuple[float, ...], ...] | None:
    found = []
    for text in PROBES:
        one = _logprobs(http, model, text)
        if one is None:
            return None
        found.append(one)
    return tuple(found)


def compare(
    base: Sequence[Sequence[float]],
    base_again: Sequence[Sequence[float]],
    candidate: Sequence[Sequence[float]],
    who: ServedModel,
) -> Check:
    """Whether the candidate's log-probabilities differ from base's by more than base's do from themselves.

    Each argument has one list of nats per probe. Different numbers of tokens are a difference: another tokenizer.
    Raises ProbeFailed where nothing differs. Two engines on unlike hardware differ a little even where they serve
    the same weights: the noise of one engine, asked twice, does not cover that.
    """
    noise, gap = _largest_gap(base, base_again), _largest_gap(base, candidate)
    said = f"largest gap {gap:.3g} nats over {len(base)} texts, base to itself {noise:.3g}"
    if gap <= NOISE_FACTOR * noise:
        raise ProbeFailed(
            f"the candidate's endpoint {who.url} (model {who.name!r}) answers exactly as base, though its sha256 "
            f"is another one: adapter not loaded? ({said})",
            hint="Ask it by the adapter's name (vLLM: --lora-modules NAME=FOLDER), or serve the merged folder.",
        )
    return Check("ok", said)


def _largest_gap(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float:
    if any(len(a) != len(b) for a, b in zip(ours, theirs, strict=True)):
        return float("inf")
    return max(
        (abs(x - y) for a, b in zip(ours, theirs, strict=True) for x, y in zip(a, b, strict=True)),
        default=0.0,
    )


def _logprobs(http: httpx.Client, model: ServedModel, text: str) -> tuple[float, ...] | None:
    """The log-probability of each token of `text` but the first; None where the endpoint does not give them."""
    body = {"prompt": text, "max_tokens": 1, "temperature": 0.0, "logprobs": 1, "echo": True}
    status, said = _post(http, model, "/v1/completions", body)
    if status >= 500 or status in _FAILED:
        raise EngineFailed(
            f"model {model.name!r} at {model.url} failed on a probe: status {status}: {str(said)[:200]}",
            hint="See the engine's log.",
        )
    try:
        found = said["choices"][0]["logprobs"]["token_logprobs"]
        return tuple(float(value) for value in found[1:-1])  # the first has none, the last one is generated
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _check_name(http: httpx.Client, model: ServedModel, who: str) -> None:
    """Refuse a model that its endpoint does not list: some answer with another one instead of an error."""
    url = f"{model.url.rstrip('/')}/v1/models"
    try:
        response = http.get(url, headers=dict(model.headers))
        listed = [str(one["id"]) for one in response.json()["data"]] if response.status_code == 200 else None
    except httpx.HTTPError as error:
        raise EngineFailed(
            f"no engine answers at {url}: {error!r}", hint="Start it, or see its log."
        ) from error
    except (ValueError, KeyError, TypeError):
        listed = None
    if listed is not None and model.name not in listed:
        raise ProbeFailed(
            f"{who}'s endpoint {model.url} serves no model {model.name!r}; it lists {', '.join(listed) or 'none'}",
            hint="Start it with that model or adapter, or ask for one that it lists.",
        )


def _check_template(http: httpx.Client, model: ServedModel, who: str) -> Check:
    """Whether the endpoint turns chats into the tokens that the folder's own chat template gives."""
    ours = _rendered(model)
    if ours is None:
        where = model.folder or f"what is known of {model.name!r}"
        return Check("not checked", f"{where} has no tokenizer with a chat template")
    for chat, expected in zip(CHATS, ours, strict=True):
        body = {"messages": chat, "add_generation_prompt": True}
        status, said = _post(http, model, "/tokenize", body)
        if status != 200 or not isinstance(said, dict) or not isinstance(said.get("tokens"), list):
            return Check("not checked", f"{model.url} has no /tokenize that takes chats (status {status})")
        if said["tokens"] != expected:
            raise ProbeFailed(
                f"{who}'s endpoint {model.url} renders chats otherwise than the chat template in {model.folder}: "
                f"{_first_difference(said['tokens'], expected)}",
                hint="Serve the folder with its own template (vLLM: no --chat-template), or put the right one there.",
            )
    return Check("ok", f"{len(CHATS)} chats have the same tokens")


def _rendered(model: ServedModel) -> list[list[int]] | None:
    """The tokens of the probe's chats by the folder's tokenizer and chat template; None where it has none."""
    if model.folder is None or not (model.folder / "tokenizer_config.json").is_file():
        return None
    from transformers import AutoTokenizer  # noqa: PLC0415 - heavy: only audits load it

    tokenizer = AutoTokenizer.from_pretrained(
        str(model.folder), local_files_only=True, trust_remote_code=False
    )
    if not tokenizer.chat_template:
        return None
    return [
        list(
            tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=False)
        )
        for chat in CHATS
    ]


def _first_difference(theirs: list[int], ours: list[int]) -> str:
    at = next(
        (i for i, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b), min(len(theirs), len(ours))
    )
    return f"{len(theirs)} tokens instead of {len(ours)}, the first difference at token {at}"


def _post(http: httpx.Client, model: ServedModel, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Status and JSON (None where it is none). Raises EngineFailed where nobody answers."""
    url = model.url.rstrip("/") + path
    try:
        response = http.post(url, json={"model": model.name, **body}, headers=dict(model.headers))
    except httpx.HTTPError as error:
        raise EngineFailed(
            f"no engine answers at {url}: {error!r}", hint="Start it, or see its log."
        ) from error
    try:
        return response.status_code, response.json()
    except ValueError:
        return response.status_code, None
