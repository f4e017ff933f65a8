"""Asking a model lm-eval's requests, and what there is to show of each answered item.

Requests, tasks and clients are lm-eval's own objects; nothing here imports lm-eval (`lm_eval_measure` does).
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import httpx

from evaluator.audit.benchmarks.tasks import LONGEST_ANSWER, gold_choices
from evaluator.audit.measures.measure import ServedModel
from telemetry.errors import EngineFailed

_SHOWN: Final = 400
_UNKNOWN_CONTEXT: Final = 2048
"""lm-eval's default, for engines that do not say how many tokens they take."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a reader sees of one answered item, and the gold answer's negative log-likelihood, nats per token."""

    prompt: str
    answer: str
    reason: str
    gold_nll: float | None


def ask(client: Any, model: ServedModel, instances: Sequence[Any]) -> None:
    """Send requests, each as often as its task repeats it, and leave the responses where lm-eval has them.

    Raises EngineFailed where the model does not answer, or without the prompt's log-probabilities.
    """
    kinds: dict[str, list[Any]] = {}
    for one in instances:
        kinds.setdefault(one.request_type, []).extend([one] * (one.repeats or 1))
    for kind, requests in kinds.items():
        with asking(model):
            responses = getattr(client, kind)(requests, disable_tqdm=True)
        for one, response in zip(requests, responses, strict=True):
            one.resps.append(response)


class Refusals(logging.Filter):
    """Keeps what servers said to refused requests out of the log, where lm-eval repeats it for every attempt.

    The last one of a thread, in which one model is asked, becomes part of the error that ends the asking.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[int | None, str] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record goes on to the log."""
        said = record.getMessage()
        if said.startswith("API request failed"):
            self._last[record.thread] = said.partition("! ")[2].removesuffix(" Retrying...")
        return not said.startswith(("API request failed", "Exception:"))

    def take(self) -> str:
        """What was refused last in this thread; empty where nothing was."""
        return self._last.pop(threading.get_ident(), "")


REFUSALS: Final = Refusals()


@contextmanager
def asking(model: ServedModel) -> Iterator[None]:
    """Turn what lm-eval's client raises, after its own three attempts, into EngineFailed."""
    REFUSALS.take()
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        why = REFUSALS.take()[:_SHOWN] or repr(error)
        raise EngineFailed(
            f"model {model.name!r} at {model.url} does not answer lm-eval's requests: {why}",
            hint="See the engine's log.",
        ) from error
    except (TypeError, KeyError, IndexError, json.JSONDecodeError) as error:
        raise _unusable(model.name, model.url, error) from error


@contextmanager
def counted(name: str, url: str) -> Iterator[None]:
    """Around requests alone: lm-eval counts the answers, and what it says of too few becomes EngineFailed.

    A whole run has other parts of which a ValueError says something else.
    """
    try:
        yield
    except ValueError as error:
        raise _unusable(name, url, error) from error


def _unusable(name: str, url: str, error: Exception) -> EngineFailed:
    return EngineFailed(
        f"model {name!r} at {url} answered one of lm-eval's requests unusably: {error!r}",
        hint="It must return the prompt's log-probabilities (`echo` with `logprobs`), as vLLM does.",
    )


def context_length(url: str, name: str, headers: Mapping[str, str]) -> int:
    """How many tokens the engine takes, as vLLM says in its list of models; lm-eval's default where it does not."""
    listed = f"{url.rstrip('/')}/v1/models"
    try:
        models = httpx.get(listed, timeout=30.0, headers=dict(headers)).raise_for_status().json()["data"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise EngineFailed(
            f"no engine lists its models at {listed}: {error!r}", hint="Start it, or see its log."
        ) from error
    said = [m.get("max_model_len") for m in models if m.get("id") == name]
    return next((int(length) for length in said if length), _UNKNOWN_CONTEXT)


def results_of(task: Any, group: Sequence[Any], filter_name: str) -> Mapping[str, Any]:
    """What the task's own `process_results` says of one item's filtered responses, by metric."""
    responses = [one.filtered_resps[filter_name] for one in group]
    found: Mapping[str, Any] = task.process_results(group[0].doc, responses)
    return found


def shown(task: Any, client: Any, group: Sequence[Any]) -> Shown:
    """The item whose requests `group` are. Of choices the likeliest by plain log-likelihood, of text the text.

    `gold_nll` is that of the right choice (of the likeliest where several are right), of the target in a plain
    log-likelihood task, and None for generated text, of which lm-eval asks no likelihood.
    """
    doc, first = group[0].doc, group[0]
    prompt = str(first.args[0])
    if first.request_type != "loglikelihood":
        room = client.max_length - int(first.args[1].get("max_gen_toks", LONGEST_ANSWER))
        cut = _cut(len(client.tok_encode(prompt)), room)
        return Shown(prompt, str(first.resps[0]), f"gold {task.doc_to_target(doc)!r}{cut}", None)
    if task.OUTPUT_TYPE != "multiple_choice":
        said = "the gold text" if first.resps[0][1] else "another text"
        nll, cut = _gold(client, first)
        return Shown(prompt, said, f"gold {first.args[1]!r}{cut}", nll)
    choices = task.doc_to_choice(doc)
    asked = group[: len(choices)]  # the rest, if any, are the choices without their question
    likelihoods = [one.resps[0][0] for one in asked]
    right = gold_choices(task, doc)
    golds = [_gold(client, asked[g]) for g in right]
    return Shown(
        prompt,
        str(choices[likelihoods.index(max(likelihoods))]),
        f"gold {' or '.join(repr(choices[g]) for g in right)}; "
        f"log-likelihoods {', '.join(f'{value:.2f}' for value in likelihoods)}{golds[0][1] if golds else ''}",
        min((nll for nll, _ in golds), default=None),
    )


def _gold(client: Any, one: Any) -> tuple[float, str]:
    """A continuation's negative log-likelihood over its tokens, as lm-eval splits them, and what was cut off."""
    context, continuation = one.args
    if context:
        before, tokens = client._encode_pair(context, continuation)
    else:
        before, tokens = [], client.tok_encode(continuation)
    return float(-one.resps[0][0]) / max(1, len(tokens)), _cut(len(before) + len(tokens), client.max_length)


def _cut(tokens: int, room: int) -> str:
    """What to say of a prompt that does not fit: lm-eval cuts off its beginning."""
    return f"; cut to its last {room} of {tokens} tokens" if tokens > room else ""


class Gather:
    """Stands in for lm-eval's progress bar around its requests; what fails ends the rest, which it leaves running."""

    @staticmethod
    async def gather(*tasks: asyncio.Task[Any], desc: str = "") -> list[Any]:  # noqa: ARG004 - the bar's signature
        """What the tasks return, in their order; the first failure is raised when all of them have ended."""
        try:
            return await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
