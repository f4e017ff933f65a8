"""One rollout on one machine, from start to closing summary: the stack, the traffic, and the end of both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from belay.home import RunFolder
from belay.launcher.processes import StackSettings
from belay.launcher.stack import OnlineStack
from belay.launcher.supervisor import Supervisor
from belay.launcher.traffic import ReplayClient, TrafficCount
from belay.launcher.turns import Turn
from belay.launcher.view import StackView
from evaluator.watch.reporting.page import write_page
from evaluator.watch.reporting.plot import draw_summary
from evaluator.watch.reporting.summary import Summary, read_rollout, summarise
from serving.engines.arms import Endpoint
from serving.models.pins import release_pin
from telemetry.events import RolloutSpec
from telemetry.files import write_renamed

_TICK_S = 0.25
_DRAIN_S = 45.0


@dataclass(frozen=True, slots=True)
class RolloutRun:
    """Everything a rollout on one machine needs. `after_rollback` turns are still sent once base has it all.

    `models` is where the model folders lie; they are pinned as long as the run lasts, and no longer. `learned` is the
    judge that the candidate's audit left.
    """

    spec: RolloutSpec
    brief: Path
    turns: Sequence[Turn]
    control: Endpoint
    candidate: Endpoint
    bootstrap: str
    folder: RunFolder
    models: Path | None = None
    learned: Path | None = None
    concurrency: int = 12
    after_rollback: int = 60


@dataclass(frozen=True, slots=True)
class Tick:
    """What a watcher is shown four times a second."""

    view: StackView
    traffic: TrafficCount


def _ignore(told: object) -> None:
    """The default listener."""


def run_rollout(
    run: RolloutRun,
    on_tick: Callable[[Tick], None],
    on_start: Callable[[str], None] = _ignore,
    on_over: Callable[[Summary], None] = _ignore,
) -> Summary:
    """Start the stack, send the traffic, wait until every interaction is settled, and sum up from Kafka.

    `on_start` is told where control and its dashboard are; `on_over` what happened, while they are still there.
    Raises InfrastructureError where a process of the stack ends by itself; nothing is left running.
    """
    settings = StackSettings(
        brief=run.brief,
        control=run.control,
        candidate=run.candidate,
        bootstrap=run.bootstrap,
        folder=run.folder,
        models=run.models,
        learned=run.learned,
        alias=run.spec.model_alias,
    )
    with (
        _unpinned_afterwards(run),
        Supervisor(run.folder.logs) as children,
        closing(OnlineStack(settings, children)) as stack,
    ):
        stack.start()
        stack.start_rollout(run.spec)
        on_start(stack.control_url)
        client = ReplayClient(stack.router_url, run.spec.model_alias, run.turns, run.concurrency)
        client.start()
        try:
            _follow(stack, children, client, run.after_rollback, on_tick)
        finally:
            client.stop()
        _drain(stack, children, client, on_tick)
        applied_ns = stack.view().router_applied_ns
        summary = summarise(read_rollout(stack.bus, run.spec.rollout_id), applied_ns, client.known())
        write_summary(summary, run.folder)
        on_over(summary)
    return summary


@contextmanager
def _unpinned_afterwards(run: RolloutRun) -> Iterator[None]:
    """Release the models when the stack has ended: its control, which would do so, is gone by then."""
    try:
        yield
    finally:
        if run.models is not None:
            release_pin(run.models, run.spec.rollout_id)


def write_summary(summary: Summary, folder: RunFolder) -> None:
    """Write summary.json, summary.png and summary.html into the run's folder."""
    picture = draw_summary(summary, folder.root / "summary.png")
    write_page(summary, picture, folder.root / "summary.html")
    write_renamed(folder.root / "summary.json", summary.model_dump_json(indent=2).encode())


def _follow(
    stack: OnlineStack,
    children: Supervisor,
    client: ReplayClient,
    after_rollback: int,
    on_tick: Callable[[Tick], None],
) -> None:
    stop_at: int | None = None
    while not client.finished:
        children.check()
        view = stack.view()
        on_tick(Tick(view, client.count))
        if view.status == "rolled_back" and stop_at is None:
            stop_at = client.count.answered + after_rollback
        if stop_at is not None and client.count.answered >= stop_at:
            return
        time.sleep(_TICK_S)


def _drain(
    stack: OnlineStack, children: Supervisor, client: ReplayClient, on_tick: Callable[[Tick], None]
) -> None:
    """Wait until what the router recorded has gone through spool, Kafka and worker, or the time is up."""
    deadline = time.monotonic() + _DRAIN_S
    while time.monotonic() < deadline:
        children.check()
        view = stack.view()
        on_tick(Tick(view, client.count))
        if view.settled >= view.recorded and view.recorded >= client.count.answered:
            return
        time.sleep(_TICK_S)
