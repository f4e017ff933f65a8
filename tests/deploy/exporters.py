"""The real collectors of our processes, each as it is at work: what there is to alert on and to draw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.worker.evidence_metrics import rollout_figures
from evaluator.watch.worker.metrics import DeciderFigures, WorkerFigures, WorkerMetrics
from evaluator.watch.worker.saving import Keeper
from evaluator.watch.worker.status import rollout_status
from evaluator.watch.worker.tracked import Tracked
from router.control.actor import Control
from router.control.metrics import ControlMetrics
from router.proxy.gateway import Gateway
from router.proxy.metrics import Metrics
from router.proxy.settings import RouterSettings
from telemetry.forwarding.forwarder import Status
from telemetry.forwarding.metrics import ForwarderCounts, ForwarderMetrics
from tests.evaluator.support.logs import announced
from tests.evaluator.support.scores import rollout

PROCESSES: Final = ("router", "forwarder", "worker", "control")
_SUFFIXES: Final = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}


def collector_of(process: str, folder: Path) -> Collector:
    """What a process is scraped from."""
    if process == "router":
        return _router(folder)
    if process == "forwarder":
        return ForwarderMetrics(Status(), ForwarderCounts())
    return _worker() if process == "worker" else _control(folder)


def families(process: str, folder: Path) -> list[Metric]:
    """Every family that a process exports, whether or not it has a series now."""
    return list(collector_of(process, folder).collect())


def names(folder: Path) -> set[str]:
    """The name of every series of every process."""
    return {name for process in PROCESSES for family in families(process, folder) for name in _series(family)}


def _series(family: Metric) -> Iterator[str]:
    for suffix in _SUFFIXES[family.type]:
        yield f"{family.name}{suffix}"


def _router(folder: Path) -> Collector:
    arms = {arm: {"arm": arm, "url": "http://127.0.0.1:1"} for arm in ("control", "candidate")}
    files = {"rollout_file": folder / "rollout.json", "spool_folder": folder / "spool"}
    gateway = Gateway(RouterSettings.model_validate(arms | files | {"router_id": "r"}))
    status = {**gateway.status(), "workers": {"alive": 2, "restarts": 0}}
    return Metrics(lambda: status)


def _worker() -> Collector:
    spec = rollout(advance="evidence")
    tracked = Tracked(announced(spec), RolloutEvidence(spec), Keeper(spec.rollout_id))
    shown = (rollout_figures(tracked, rollout_status(tracked)),)
    figures = WorkerFigures(decider=DeciderFigures(0, 0, 0, 0, 0, frozenset(), shown))
    return WorkerMetrics(figures)


def _control(folder: Path) -> Collector:
    return ControlMetrics(Control(folder / "r.json", folder / "control.jsonl"), [])
