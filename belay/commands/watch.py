"""`belay watch`: scorer and decider."""

from __future__ import annotations

from belay.commands.processes import SettingsFile, stop_on_signals
from belay.logs import log_to_stderr
from belay.wiring import load_watch
from evaluator.watch.worker.worker import run_worker


def watch(settings: SettingsFile) -> None:
    """Tag, judge and test every interaction; publish scores and decisions.

    Example: `belay watch --settings .belay/runs/route-support/worker.yaml`
    """
    log_to_stderr()
    worker, bus = load_watch(settings)
    run_worker(worker, bus, stop_on_signals())
