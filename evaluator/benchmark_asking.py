"""Asking a model lm-eval's requests, and what there is to show of each answered item.

Requests, tasks and clients are lm-eval's own objects; nothing here imports lm-eval (`benchmarks` does).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import httpx

from evaluator.benchmark_tasks import gold_choices
from evaluator.measures import ServedModel
from telemetry.errors import EngineFailed

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


@contextmanager
def asking(model: ServedModel) -> Iterator[None]:
    """Turn what lm-eval's client raises, after its own three attempts, into EngineFailed."""
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        raise EngineFailed(
            f"model {model.name!r} at {model.url} does not answer lm-eval's requests: {error!r}",
            hint="See the engine's log.",
        ) from error
    except (TypeError, KeyError, IndexError) as error:
        raise EngineFailed(
            f"model {model.name!r} at {model.url} answered one of lm-eval's requests unusably: {error!r}",
            hint="It must return the prompt's log-probabilities (`echo` with `logprobs`), as vLLM does.",
        ) from error


def context_length(url: str, name: str) -> int:
    """How many tokens the engine takes, as vLLM says in its list of models; lm-eval's default where it does not."""
    listed = f"{url.rstrip('/')}/v1/models"
    try:
        models = httpx.get(listed, timeout=30.0).raise_for_status().json()["data"]
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
        return Shown(prompt, str(first.resps[0]), f"gold {task.doc_to_target(doc)!r}", None)
    if task.OUTPUT_TYPE != "multiple_choice":
        said = "the gold text" if first.resps[0][1] else "another text"
        return Shown(prompt, said, f"gold {first.args[1]!r}", _per_token(client, first))
    choices = task.doc_to_choice(doc)
    asked = group[: len(choices)]  # the rest, if any, are the choices without their question
    likelihoods = [one.resps[0][0] for one in asked]
    golds = gold_choices(task, doc)
    return Shown(
        prompt,
        str(choices[likelihoods.index(max(likelihoods))]),
        f"gold {' or '.join(repr(choices[g]) for g in golds)}; "
        f"log-likelihoods {', '.join(f'{value:.2f}' for value in likelihoods)}",
        min((_per_token(client, asked[g]) for g in golds), default=None),
    )


def _per_token(client: Any, one: Any) -> float:
    """The negative log-likelihood of a continuation over its tokens, counted as lm-eval splits them."""
    context, continuation = one.args
    tokens = client._encode_pair(context, continuation)[1] if context else client.tok_encode(continuation)
    return float(-one.resps[0][0]) / max(1, len(tokens))


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
