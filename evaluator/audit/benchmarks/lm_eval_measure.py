"""Benchmarks by lm-eval: its tasks, its prompts, its requests and its scores, but item by item.

lm-eval runs a whole task and says one number. An audit asks some items of two models, in any order, and stops
when it knows enough. So a measure here lets lm-eval build the requests of all items once, sends those of the
items that are asked, and has lm-eval's own `process_results` score them: what an item scores is what the whole
run would have given it (`run_full` is that run, with lm-eval's result and sample files kept).

Prompts go to `/v1/completions` as tokens of the model folder's tokenizer. With `chat_template` they are rendered
by that folder's template first, few-shot examples as turns; `/v1/chat/completions` is not used, since it gives no
log-likelihoods of an answer.
"""

from __future__ import annotations

import copy
import functools
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from evaluator.audit.benchmarks.asking import (
    REFUSALS,
    Gather,
    ask,
    asking,
    context_length,
    counted,
    results_of,
    shown,
)
from evaluator.audit.benchmarks.loading import naming
from evaluator.audit.benchmarks.needs import keep_nltk_offline, wanting
from evaluator.audit.benchmarks.tasks import (
    CLUSTER_FIELDS,
    chance_of,
    choose_metric,
    clusters,
    draw,
    entries_of,
    generation_length,
    refuse,
    score_of,
    usable_metrics,
    version_of,
)
from evaluator.audit.measures.answers import ItemAnswer, Progress, silent
from evaluator.audit.measures.measure import Measure, MeasureItem, ServedModel
from evaluator.audit.measures.pooled_measure import PooledMeasure
from evaluator.briefs.brief import LoadedBrief
from telemetry.errors import BriefError, InfrastructureError, UsageError
from telemetry.mistakes import did_you_mean

CONCURRENCY: Final = 16
_FEWSHOT_SEED: Final = 1234
"""lm-eval's default: the same few-shot examples as in its own runs."""


def lm_eval_measures(loaded: LoadedBrief) -> tuple[Measure, ...]:
    """A measure for every benchmark of the brief that is an lm-eval task; the tasks of a group are pooled into one."""
    include = loaded.folder / loaded.brief.lm_eval_tasks if loaded.brief.lm_eval_tasks else None
    found: list[Measure] = []
    for capability in loaded.brief.capabilities:
        for entry in capability.benchmarks:
            if entry.lm_eval is None:
                continue
            parts = [
                LmEvalMeasure(
                    task,
                    capability=capability.name,
                    metric=entry.metric,
                    fewshot=entry.fewshot,
                    limit=entry.limit,
                    threshold=entry.threshold or capability.threshold,
                    chance=entry.chance,
                    chat_template=entry.chat_template,
                )
                for task in load_tasks(entry.lm_eval, include).values()
            ]
            found.append(parts[0] if len(parts) == 1 else PooledMeasure(entry.lm_eval, parts))
    return tuple(found)


class LmEvalMeasure:
    """One lm-eval task as a measure of one capability. Thread-safe: both arms may be asked at once.

    `task` is the name of one task (for a group see `load_tasks`) or a loaded task; `include_path` is a folder of
    task files, which come before lm-eval's own. `fewshot` None takes the task's own number, and a task that sets
    0 keeps it, as in lm-eval. `limit` asks so many items, drawn by a fixed seed. `metric` is lm-eval's name with
    or without a filter (`acc_norm`, `exact_match,flexible-extract`); the task's first where None. Items whose
    document has the same passage form a cluster; the field is the first of `tasks.CLUSTER_FIELDS`
    that is there, or the task file's `metadata: {cluster_field: ...}`. `chance` None is computed from the choices.
    """

    def __init__(
        self,
        task: Any,
        *,
        capability: str,
        include_path: Path | None = None,
        metric: str | None = None,
        fewshot: int | None = None,
        limit: int | None = None,
        threshold: float,
        chance: float | None = None,
        chat_template: bool = False,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._task = _single(task, include_path) if isinstance(task, str) else task
        self.capability, self.name = capability, str(self._task.config.task)
        self.threshold = threshold
        self._chat, self._concurrency = chat_template, concurrency
        refuse(self._task)
        if fewshot is not None and self._task.get_config("num_fewshot") != 0:
            self._task.set_config("num_fewshot", fewshot)
        elif self._task.get_config("num_fewshot") is None:
            self._task.set_config("num_fewshot", 0)
        self._building = threading.Lock()
        self._rendered: dict[Path, dict[int, list[Any]]] = {}
        whole = self._build(None)
        chosen = draw(len(whole), limit)
        self._plain = {number: whole[number] for number in chosen}
        docs = {number: self._plain[number][0].doc for number in chosen}
        self._metric = choose_metric(self.name, metric, self._usable(), [f.name for f in self._task._filters])
        self.chance = chance_of(self._task, docs.values()) if chance is None else chance
        field = (self._task.get_config("metadata") or {}).get("cluster_field")
        shared = clusters(list(docs.values()), [field] if field else CLUSTER_FIELDS)
        self._numbers = {f"{self.name}-{number:05d}": number for number in chosen}
        self.items = tuple(MeasureItem(name, c) for name, c in zip(self._numbers, shared, strict=True))
        self.version = self._version()

    def answer(self, model: ServedModel, ids: Sequence[str]) -> Sequence[ItemAnswer]:
        """Ask `model` these items and score its answers, in the order of `ids`. Raises EngineFailed."""
        if not ids:
            return ()
        client = _client_of(model, self._concurrency)
        generation_length(self._task, client.max_length + 1)
        groups = self._instances(_tokenizer_of(model), client)
        asked = {
            i: [replace(one, resps=[], filtered_resps={}) for one in groups[self._numbers[i]]] for i in ids
        }
        every = [one for group in asked.values() for one in group]
        ask(client, model, every)
        scorer = copy.copy(self._task)  # filters work on the task's instances: each call has its own
        scorer._instances = every
        scorer.apply_filters()
        return [self._scored(client, item, asked[item]) for item in ids]

    def run_full(self, model: ServedModel, folder: Path) -> Mapping[str, float]:
        """The whole task in one run by lm-eval, its files in `folder`; see the function `run_full`."""
        return run_full([self._task], model, folder, chat_template=self._chat)[self.name]

    def _build(self, client: Any) -> dict[int, list[Any]]:
        """Every document's requests, by its number. Few-shot examples are drawn as in lm-eval's whole run."""
        with self._building:
            self._task.set_fewshot_seed(_FEWSHOT_SEED)
            if self._chat and client is not None:
                self._task.build_all_requests(
                    apply_chat_template=True,
                    fewshot_as_multiturn=True,
                    chat_template=client.apply_chat_template,
                    tokenizer_name=client.tokenizer_name,
                )
            else:
                self._task.build_all_requests()
            built: dict[int, list[Any]] = {}
            for one in self._task.instances:
                built.setdefault(one.doc_id, []).append(one)
            return built

    def _instances(self, folder: Path, client: Any) -> dict[int, list[Any]]:
        """The requests of the chosen documents as `folder`'s model is asked them."""
        if not self._chat:
            return self._plain
        if folder not in self._rendered:
            whole = self._build(client)
            self._rendered[folder] = {number: whole[number] for number in self._plain}
        return self._rendered[folder]

    def _usable(self) -> tuple[str, ...]:
        """The task's usable metrics, found by letting it score one empty answer."""
        group = [replace(one, resps=[], filtered_resps={}) for one in next(iter(self._plain.values()))]
        for number, one in enumerate(group):
            one.resps.append("" if one.request_type == "generate_until" else (-1.0 - number, False))
        scorer = copy.copy(self._task)
        scorer._instances = group
        try:
            with wanting(self.name):
                scorer.apply_filters()
                results = results_of(scorer, group, self._task._filters[0].name)
        except BriefError:
            raise
        except Exception as error:
            raise BriefError(f"benchmark {self.name!r} cannot score an empty answer: {error!r}") from error
        return usable_metrics(results, scorer.aggregation(), scorer.higher_is_better())

    def _version(self) -> str:
        prompts = (
            (*(str(part) for one in group for part in one.args), str(self._task.doc_to_target(group[0].doc)))
            for group in self._plain.values()
        )
        style = "chat template, few-shot as turns" if self._chat else "plain text"
        return version_of(metadata.version("lm_eval"), self._task.dump_config(), self._metric, prompts, style)

    def _scored(self, client: Any, item: str, group: Sequence[Any]) -> ItemAnswer:
        with wanting(self.name):
            results = results_of(self._task, group, self._metric.filter)
        seen = shown(self._task, client, group)
        return ItemAnswer(
            item=item,
            prompt=seen.prompt,
            answer=seen.answer,
            value=score_of(self.name, self._metric, results),
            reason=f"{self._metric}; {seen.reason}",
            gold_nll=seen.gold_nll,
        )


def run_full(
    tasks: Sequence[Any],
    model: ServedModel,
    folder: Path,
    *,
    include_path: Path | None = None,
    fewshot: int | None = None,
    limit: int | None = None,
    chat_template: bool = False,
    concurrency: int = CONCURRENCY,
    progress: Progress = silent,
) -> dict[str, dict[str, float]]:
    """Whole tasks (names, groups or loaded ones) through lm-eval's `simple_evaluate`; its figures by task and metric.

    Its result file and, for each task, its sample file are left in `folder`, named by lm-eval. `limit` is
    lm-eval's: the first so many documents. `progress` is told of requests.
    """
    lm_eval = _library()
    from lm_eval.loggers import EvaluationTracker  # noqa: PLC0415, TID251 - heavy: loaded by those who run benchmarks only

    client = _client_of(model, concurrency)
    tracker = EvaluationTracker(output_path=str(folder))
    for task in tasks:
        for one in load_tasks(task, include_path).values() if isinstance(task, str) else [task]:
            refuse(one)  # and name what is missing before anything is asked
    client.progress = progress
    try:
        with asking(model), wanting(", ".join(t if isinstance(t, str) else t.config.task for t in tasks)):
            results = lm_eval.simple_evaluate(
                model=client,
                model_args={
                    "model": model.name,
                    "base_url": model.url,
                    "sha256": model.sha256,
                },  # for the record
                tasks=list(tasks),
                num_fewshot=fewshot,
                limit=limit,
                apply_chat_template=chat_template,
                fewshot_as_multiturn=chat_template,
                evaluation_tracker=tracker,
                task_manager=_manager_of([t for t in tasks if isinstance(t, str)], include_path),
                bootstrap_iters=0,
            )
    finally:
        client.progress = silent  # the client is shared with the measures
    samples = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=samples)
    for task in results["configs"]:
        tracker.save_results_samples(task_name=task, samples=samples[task])
    return {
        task: {name: value for name, value in figures.items() if isinstance(value, int | float)}
        for task, figures in results["results"].items()
    }


def load_tasks(name: str, include_path: Path | None = None) -> dict[str, Any]:
    """lm-eval's task `name`, or the tasks of the group or tag of that name, in lm-eval's order.

    Raises BriefError where there is no such task, its data cannot be had, or a package that it needs is missing.
    """
    manager = _manager_of([name], include_path)
    if name not in manager.task_index:
        raise BriefError(
            f"lm-eval has no task {name!r}{did_you_mean(name, manager.all_tasks, most=3)}",
            hint="Give lm-eval's own name, or a folder of task files as the brief's `lm_eval_tasks`.",
        )
    with naming(name):
        for entry in entries_of(manager.task_index, name):
            if include_path is not None and entry.yaml_path and include_path in entry.yaml_path.parents:
                _anchor(entry)
        found: dict[str, Any] = manager.load(name)["tasks"]
    return found


def _manager_of(names: Sequence[str], include_path: Path | None) -> Any:
    """The index that has these tasks: of the local ones alone where it has all, since lm-eval's own is slow to read."""
    if include_path is not None:
        local = _manager(include_path, False)
        if all(name in local.task_index for name in names):
            return local
    return _manager(include_path, True)


def _single(name: str, include_path: Path | None) -> Any:
    found = load_tasks(name, include_path)
    if len(found) != 1:
        raise BriefError(f"{name!r} is a group of {len(found)} tasks, expected one: {', '.join(found)}")
    return next(iter(found.values()))


@functools.cache
def _library() -> Any:
    """lm-eval, told to stay offline unless the environment says otherwise, and without its progress bars."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", os.environ["HF_HUB_OFFLINE"])
    try:
        import datasets  # noqa: PLC0415 - seconds to load, and only benchmarks need it
        import huggingface_hub.constants  # noqa: PLC0415 - likewise
        import lm_eval  # noqa: PLC0415, TID251 - likewise
        from lm_eval.api import task as api_task  # noqa: PLC0415, TID251 - likewise
        from lm_eval.models import api_models  # noqa: PLC0415, TID251 - likewise
    except ImportError as error:
        raise InfrastructureError(
            f"benchmarks need lm-eval, and {error.name!r} is not installed",
            hint="Install belay's extra `audit`.",
        ) from error
    datasets.disable_progress_bars()
    if os.environ["HF_HUB_OFFLINE"].upper() in {"1", "ON", "YES", "TRUE"}:
        # Whoever loaded these before us may have done so without the variable, which they read once.
        huggingface_hub.constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
        keep_nltk_offline()

    # It draws bars at every call and has no switch for most; an audit makes thousands of calls and shows its own.
    api_models.tqdm_asyncio = Gather
    api_models.eval_logger.addFilter(REFUSALS)
    api_task.tqdm = functools.partial(api_task.tqdm, disable=True)
    return lm_eval


@functools.cache
def _manager(include_path: Path | None, defaults: bool) -> Any:
    """The index of tasks. lm-eval's own 14,000 take some 20 seconds to read, local ones none."""
    _library()
    from lm_eval.tasks import TaskManager  # noqa: PLC0415, TID251 - heavy: loaded by those who run benchmarks only

    if include_path is not None and not include_path.is_dir():
        raise BriefError(f"no folder of lm-eval tasks at {include_path}")
    return TaskManager(include_path=str(include_path) if include_path else None, include_defaults=defaults)


def _anchor(entry: Any) -> None:
    """Let a local task's relative `data_files` start from the task file's folder: a brief may be read from anywhere.

    A name that does not exist there is left to lm-eval, which looks from the working directory.
    """
    from lm_eval.tasks._yaml_loader import load_yaml  # noqa: PLC0415, TID251 - heavy: as above

    files = ((entry.cfg or {}).get("dataset_kwargs") or {}).get("data_files")
    if files is None or entry.yaml_path is None:
        return
    folder = entry.yaml_path.parent

    def anchored(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: anchored(one) for key, one in value.items()}
        if isinstance(value, list):
            return [anchored(one) for one in value]
        return str(folder / value) if (folder / str(value)).exists() else value

    config = load_yaml(entry.yaml_path, resolve_func=True)
    config["dataset_kwargs"] = {**config["dataset_kwargs"], "data_files": anchored(files)}
    entry.cfg, entry.yaml_path = config, None


def _tokenizer_of(model: ServedModel) -> Path:
    if model.folder is None:
        raise UsageError(
            f"lm-eval asks in tokens, and nobody knows the tokenizer of {model.name!r} at {model.url}",
            hint="Adopt it again with its tokenizer: `belay adopt URL --tokenizer FOLDER`.",
        )
    return model.folder


def _client_of(model: ServedModel, concurrency: int) -> Any:
    return _client(
        model.url, model.name, _tokenizer_of(model), concurrency, tuple(sorted(model.headers.items()))
    )


@functools.lru_cache(maxsize=8)
def _client(url: str, name: str, folder: Path, concurrency: int, headers: tuple[tuple[str, str], ...]) -> Any:
    """lm-eval's own client of an OpenAI API for one model, with the tokenizer of its folder."""
    _library()
    from lm_eval.models.openai_completions import LocalCompletionsAPI  # noqa: PLC0415, TID251 - heavy: as above

    class Client(LocalCompletionsAPI):  # type: ignore[misc]  # lm-eval has no types
        """Asks one model from several threads: a fast tokenizer must not be used by two at once."""

        tokenizing = threading.Lock()
        progress = staticmethod(silent)
        done = total = 0

        @property
        def header(self) -> dict[str, str]:
            return dict(headers)

        def loglikelihood(self, requests: list[Any], **_: Any) -> Any:
            with counted(name, url):
                return super().loglikelihood(requests, disable_tqdm=True)

        def loglikelihood_rolling(self, *args: Any, **kwargs: Any) -> Any:
            with counted(name, url):
                return super().loglikelihood_rolling(*args, **kwargs)

        def generate_until(self, *args: Any, **kwargs: Any) -> Any:
            with counted(name, url):
                return super().generate_until(*args, **kwargs)

        async def get_batched_requests(self, requests: list[Any], *args: Any, **kwargs: Any) -> Any:
            self.done, self.total = 0, len(requests)
            return await super().get_batched_requests(requests, *args, **kwargs)

        async def amodel_call(self, *args: Any, **kwargs: Any) -> Any:
            answers = await super().amodel_call(*args, **kwargs)
            self.done += 1
            self.progress(self.done, self.total, self.model)
            return answers

        def tok_encode(self, *args: Any, **kwargs: Any) -> Any:
            with self.tokenizing:
                return super().tok_encode(*args, **kwargs)

    return Client(
        base_url=f"{url.rstrip('/')}/v1/completions",
        model=name,
        tokenizer=str(folder),
        tokenizer_backend="huggingface",
        num_concurrent=max(2, concurrency),
        max_length=context_length(url, name, dict(headers)),
    )
