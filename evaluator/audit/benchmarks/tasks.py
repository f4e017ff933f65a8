"""What Belay decides about an lm-eval task: its metric, its items, their passages, its version. Pure.

Tasks, documents and metric functions are lm-eval's own objects; nothing here imports lm-eval (`lm_eval_measure` does).
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from telemetry.errors import BriefError, InfrastructureError

CLUSTER_FIELDS: Final = ("passage", "context", "paragraph", "paragraph_text", "article", "story")
"""Document fields that hold a passage, in this order, where a task file does not name one."""
DRAW_SEED: Final = 20240229
"""Draws the items of a `limit`; fixed, so that every audit of a benchmark asks the same ones."""
LONGEST_ANSWER: Final = 256
"""In tokens, where a task does not say; lm-eval's default."""
_MEANS: Final = frozenset({"mean", "nanmean"})
_PLACES: Final = frozenset({"task", "task_alias", "tag", "dataset_path", "dataset_kwargs", "metadata"})
"""What a task's configuration says of where things lie; the documents themselves are hashed instead."""


class MetricChoice(NamedTuple):
    """One of a task's metrics after one of its filters, as lm-eval writes it: `exact_match,strict-match`."""

    metric: str
    filter: str

    def __str__(self) -> str:
        return f"{self.metric},{self.filter}"


def usable_metrics(
    trial: Mapping[str, Any],
    aggregation: Mapping[str, Callable[..., Any]],
    higher_is_better: Mapping[str, bool],
) -> tuple[str, ...]:
    """The metrics that give each item a score in [0, 1], of which the task's figure is the mean, more being better.

    `trial` is what the task said of one answer. A metric on a whole corpus (F1, BLEU, perplexity) gives no item
    a score, so that nothing can be paired; one where less is better would call a loss a gain.
    """
    return tuple(
        name
        for name, value in trial.items()
        if _is_score(value)
        and getattr(aggregation.get(name), "__name__", "mean") in _MEANS
        and higher_is_better.get(name, True)
    )


def choose_metric(
    task: str, wanted: str | None, usable: Sequence[str], filters: Sequence[str]
) -> MetricChoice:
    """The metric that `wanted` names, with or without a filter; the task's first usable one where it is None.

    Raises BriefError where the task has no such metric, or none that scores single items.
    """
    if not usable:
        raise BriefError(
            f"benchmark {task!r} has no metric that scores each item between 0 and 1",
            hint="Belay pairs items: a figure of a whole corpus (F1, BLEU, perplexity) cannot be paired.",
        )
    name, _, after = (wanted or usable[0]).partition(",")
    if name not in usable:
        raise BriefError(
            f"benchmark {task!r}: {name!r} is no metric that scores each item between 0 and 1",
            hint=f"Usable are: {', '.join(usable)}.",
        )
    if after and after not in filters:
        raise BriefError(
            f"benchmark {task!r} has no filter {after!r}", hint=f"Its filters are: {', '.join(filters)}."
        )
    return MetricChoice(name, after or filters[0])


def score_of(task: str, metric: MetricChoice, results: Mapping[str, Any]) -> float:
    """The score that lm-eval's `process_results` gave to one item. Raises BriefError where it is none in [0, 1]."""
    value: Any = results.get(metric.metric)
    if not _is_score(value):
        raise BriefError(
            f"benchmark {task!r}: metric {metric.metric!r} gave {value!r}, expected a score between 0 and 1",
            hint=f"Choose another metric; this item had {', '.join(map(str, results))}.",
        )
    return float(value)


def _is_score(value: Any) -> bool:
    """Whether `value` is a number in [0, 1]: a bool, int or float, numpy's included, but no array or tuple."""
    if isinstance(value, str | bytes | Sequence) or value is None or getattr(value, "shape", ()) != ():
        return False
    try:
        return 0.0 <= float(value) <= 1.0
    except (TypeError, ValueError):
        return False


def draw(count: int, limit: int | None, seed: int = DRAW_SEED) -> tuple[int, ...]:
    """Which of `count` documents are asked: all, or `limit` of them drawn without replacement, in their order.

    >>> draw(5, None), draw(5, 9), len(draw(100, 7))
    ((0, 1, 2, 3, 4), (0, 1, 2, 3, 4), 7)
    """
    if limit is None or limit >= count:
        return tuple(range(count))
    return tuple(sorted(random.Random(seed).sample(range(count), limit)))


def clusters(
    docs: Sequence[Mapping[str, Any]], fields: Iterable[str] = CLUSTER_FIELDS
) -> tuple[str | None, ...]:
    """For each document the name of the passage that it shares with another one; None where it is alone."""
    passages = [next((str(d[f]) for f in fields if d.get(f)), None) for d in docs]
    shared = Counter(passages)
    return tuple(
        hashlib.sha256(p.encode()).hexdigest()[:12] if p is not None and shared[p] > 1 else None
        for p in passages
    )


def gold_choices(task: Any, doc: Mapping[str, Any]) -> tuple[int, ...]:
    """Which choices of a multiple-choice document are right; empty where it does not say so usably."""
    gold = task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc)
    choices = task.doc_to_choice(doc)
    named = gold if isinstance(gold, list) else [gold]
    indices = [choices.index(g) if isinstance(g, str) and g in choices else g for g in named]
    return tuple(i for i in indices if isinstance(i, int) and 0 <= i < len(choices))


def chance_of(task: Any, docs: Iterable[Mapping[str, Any]]) -> float:
    """What guessing scores: the mean of right choices over choices, 0 for a task without choices.

    It is meant for metrics that pick one choice; an `exact_match` of free text has no chance worth naming.
    """
    if task.OUTPUT_TYPE != "multiple_choice":
        return 0.0
    rates = [len(gold_choices(task, doc)) / len(task.doc_to_choice(doc)) for doc in docs]
    return sum(rates) / len(rates) if rates else 0.0


def generation_length(task: Any, room: int) -> None:
    """Refuse a task whose answers alone would fill the engine's context of `room` tokens: no prompt would fit."""
    asked = int((task.config.generation_kwargs or {}).get("max_gen_toks", LONGEST_ANSWER))
    if task.OUTPUT_TYPE == "generate_until" and asked >= room:
        raise InfrastructureError(
            f"benchmark {task.config.task!r} lets answers have {asked} tokens; the engine's context has {room}",
            hint="Start the engine with a longer context (vLLM: --max-model-len).",
        )


def version_of(
    library: str,
    config: Mapping[str, Any],
    metric: MetricChoice,
    prompts: Iterable[tuple[str, ...]],
    style: str,
) -> str:
    """Changes whenever a score may: with lm-eval's version, the task's settings, prompts, targets, or the metric.

    `prompts` are every asked item's arguments and target as text; `style` says how they are laid before a model.
    """
    settings = {key: value for key, value in config.items() if key not in _PLACES}
    digest = hashlib.sha256(
        json.dumps([library, settings, metric, style], sort_keys=True, default=str).encode()
    )
    for parts in prompts:
        digest.update(json.dumps(parts).encode())
    return f"lm_eval-{library}@{digest.hexdigest()[:12]}"


def refuse(task: Any) -> None:
    """Refuse a task that Belay cannot or will not run."""
    name = task.config.task
    if getattr(task, "UNSAFE_CODE", False):
        raise BriefError(
            f"benchmark {name!r} executes what the model writes; Belay never does",
            hint="Measure code by a task or a verifier that reads it.",
        )
    if getattr(task, "MULTIMODAL", False):
        raise BriefError(f"benchmark {name!r} shows images or sounds; Belay asks text only")


def entries_of(index: Mapping[str, Any], name: str) -> Iterator[Any]:
    """The index's entries of the tasks behind a name: itself, a tag's tasks, or those of a group, however deep."""
    entry = index.get(name)
    if entry is None:
        return
    members = entry.tags if entry.kind.name == "TAG" else (entry.cfg or {}).get("task")
    if isinstance(members, str) or members is None:
        yield entry
        return
    for member in members:
        named = member if isinstance(member, str) else member.get("task", member.get("group"))
        if isinstance(named, str) and named != name:
            yield from entries_of(index, named)
