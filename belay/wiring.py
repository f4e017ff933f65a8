"""Concrete parts out of settings: the one place that knows which class stands behind which word."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from belay.project import FILE, Project, load_project
from evaluator.watch.worker.worker import WorkerSettings
from serving.engines.placement import Place, placement
from serving.engines.vllm_engine import EngineSettings, VllmEngine, engine_cards, engine_package
from serving.progress import Report, silent
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.bus.protocols import Bus
from telemetry.errors import UsageError
from telemetry.events import Arm
from telemetry.settings import Settings, load_settings

BESIDE_TRAINING: Final = 0.4
"""Of a GPU's memory, what an engine takes that stays while a candidate is trained there."""


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
    """A healthy vLLM serving `folder` on `cores`, or where the arm has its GPU; stopped when the block ends."""
    settings = EngineSettings(
        folder=folder,
        served_name=name,
        port=port,
        log_file=log,
        arm=arm,
        threads_bind=cores,
        place=half_of_the_gpus(arm),
    )
    with VllmEngine(settings) as engine:
        engine.wait_healthy(progress)
        yield engine


def half_of_the_cores(arm: Arm) -> str:
    """The cores of one of two engines on this machine, as vLLM wants them ("0-3"); "auto" where there is one.

    Two engines that share cores wait for each other in every layer: on two cores, one each answered 4.4
    requests a second on both at once, two shared cores 2.5.
    """
    return part_of_the_cores(0 if arm == "control" else 1, 2)


def part_of_the_cores(number: int, of: int) -> str:
    """As `half_of_the_cores`, those of one of so many engines; "auto" where there are fewer cores than engines."""
    cores = sorted(os.sched_getaffinity(0))
    mine = cores[len(cores) * number // of : len(cores) * (number + 1) // of]
    return ",".join(map(str, mine)) if len(cores) >= of else "auto"


def half_of_the_gpus(arm: Arm) -> Place:
    """Where one of two engines here runs: a GPU each or both on one, with room for a training beside them."""
    found = engine_cards()
    both = placement(2, found, BESIDE_TRAINING if found else None)
    return both[0] if arm == "control" else both[1]


def engine_version() -> str:
    """The engine whose answers a baseline is bound to."""
    return engine_package() or "unknown engine"


def load_watch(path: Path) -> tuple[WorkerSettings, Bus]:
    """The worker's settings file, and its broker."""
    settings = load_settings(path, WatchSettings)
    return settings.worker, KafkaBus(settings.bus)


def bus_at(bootstrap_servers: str, file: Path | None = FILE) -> Bus:
    """The broker. Where the project in `file` names the same one, its further settings hold: namespace, passwords.

    Raises UsageError for what is no address, SettingsError where the project cannot be read.
    """
    if file is not None and file.is_file():
        project = load_project(file)
        if project.bootstrap_servers == bootstrap_servers:
            return bus_of(project)
    try:
        return KafkaBus(BusSettings(bootstrap_servers=bootstrap_servers))
    except ValidationError as error:
        raise UsageError(
            f"--bootstrap-servers is {bootstrap_servers!r}, expected host:port, several separated by commas"
        ) from error


def bus_of(project: Project) -> Bus:
    """The broker of belay.yaml, with its further settings. Raises SettingsError where they are none."""
    return KafkaBus(project.bus())
