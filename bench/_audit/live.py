"""The real vLLM of the audit's benchmark, and the recording of base on it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from _shape import say

from _audit.peer import FullRun, full_run
from _audit.recorded import Recorded, bind, load, save
from _audit.sets import TestSet, fingerprint, prepare
from evaluator.audit.benchmarks.lm_eval_measure import LmEvalMeasure
from evaluator.audit.measures.measure import Measure, ServedModel
from serving.engines.openai_client import complete_many
from serving.engines.vllm_engine import EngineSettings, VllmEngine
from serving.models.base_model import prepare_base_model
from serving.models.manifest import attest
from serving.server import free_port
from telemetry.events import Message

IN_FLIGHT: Final = 32
"""Requests at the engine at once: all of a full run's, or both arms' of an audit together."""


@contextmanager
def served_base(folder: Path) -> Iterator[ServedModel]:
    """SmolLM2-135M-Instruct behind a vLLM of its own on all cores, without prefix caching."""
    base = prepare_base_model(folder / "model")
    settings = EngineSettings(
        folder=base,
        served_name="base",
        port=free_port(),
        log_file=folder / "engine.log",
        max_num_seqs=IN_FLIGHT,
        extra_args=("--no-enable-prefix-caching",),
    )
    with VllmEngine(settings) as engine:
        engine.wait_healthy()

        def chat(turns: Sequence[Sequence[Message]], max_tokens: int) -> list[str]:
            return [c.text for c in complete_many(engine.url, "base", turns, max_tokens)]

        yield ServedModel(engine.url, "base", attest(base).sha256, base, chat)


def measure_of(one: TestSet, tasks: Path) -> Measure:
    """The set as the product's measure: half of the requests in flight are each arm's."""
    return LmEvalMeasure(
        one.task,
        capability=one.name,
        include_path=tasks,
        metric=one.metric,
        threshold=one.threshold,
        chat_template=one.chat_template,
        concurrency=IN_FLIGHT // 2,
    )


def record_missing(sets: Sequence[TestSet], data: Path, folder: Path) -> None:
    """Record base on those sets that were not recorded yet, one full lm-eval run each, kept set by set."""
    missing = [one for one in sets if load(folder / "base", one, data) is None]
    if not missing:
        return
    tasks = folder / "tasks"
    prepare(missing, data, tasks)
    with served_base(folder) as model:
        for one in missing:
            say(f"recording base on {one.name}")
            run = full_run(one, model, tasks, folder / "lm_eval", IN_FLIGHT)
            keep(one, data, folder, model, run)
            say(f"  {len(run.values)} items, {sum(run.calls)} requests, {run.seconds:.0f} s")


def keep(one: TestSet, data: Path, folder: Path, model: ServedModel, run: FullRun) -> Recorded:
    """Record base on a set by a full run that was just made."""
    measure = measure_of(one, folder / "tasks")
    recorded = bind(one, fingerprint(one, data), measure, model.sha256, run, conditions())
    save(recorded, folder / "base")
    return recorded


def conditions() -> str:
    """When, and how busy the machine was: the load of the last minute over its cores."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
