"""The commands of the online path: engines, router, forwarder, control, worker. `cli_rollout` has the rollout's."""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from belay.commands.rollout import add_to as add_rollout
from telemetry.errors import InfrastructureError

SettingsFile = Annotated[
    Path,
    typer.Option(
        "--settings", help="A YAML file (the demo leaves one in its run's folder); unknown keys are errors."
    ),
]

_ONLINE = "Online"


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(rich_help_panel=_ONLINE)(broker)
    app.command(rich_help_panel=_ONLINE)(serve)
    app.command(rich_help_panel=_ONLINE)(router)
    app.command(rich_help_panel=_ONLINE)(forward)
    app.command(rich_help_panel=_ONLINE)(control)
    app.command(rich_help_panel=_ONLINE)(watch)
    add_rollout(app, _ONLINE)


def broker(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 9092,
    log: Annotated[Path, typer.Option(help="Where it says what it does.")] = Path("broker.log"),
) -> None:
    """Run the embedded broker until interrupted: for one machine and for trying; what it holds is in memory only."""
    from belay.launcher.embedded_broker import EmbeddedBroker  # noqa: PLC0415 - of this command only

    _log_to_stderr()
    stop = _stop_on_signals()
    with EmbeddedBroker(port, log) as running:
        Console(stderr=True).print(
            f"belay: a broker answers at {running.bootstrap_servers}; it keeps nothing on disk"
        )
        while not stop.wait(0.5):
            if not running.running:
                raise InfrastructureError("the broker died", hint=f"Its log is {log}.")


def serve(
    model: Annotated[Path, typer.Argument(help="A model folder with its manifest.")],
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8001,
    name: Annotated[str, typer.Option(help="The model's name as clients ask for it.")] = "support",
) -> None:
    """Serve one model folder with vLLM until interrupted; refuses a folder whose hash differs."""
    from belay.wiring import engine_for  # noqa: PLC0415 - vLLM's side is heavy and of this command only

    _log_to_stderr()
    stop = _stop_on_signals()
    with engine_for(model, port=port, name=name, log=Path(f"{model.name}-{port}.log")) as engine:
        Console(stderr=True).print(f"belay: {model} answers at {engine.url}/v1 as {name!r}")
        while not stop.wait(0.5):
            if not engine.alive():
                raise InfrastructureError(
                    f"the engine of {model} died", hint=f"Its log is {engine.settings.log_file}."
                )


def router(settings: SettingsFile) -> None:
    """Route clients' requests to control or candidate, and record every interaction."""
    from router.proxy.app import run  # noqa: PLC0415 - the router starts without the other commands' imports
    from router.proxy.settings import RouterSettings  # noqa: PLC0415 - as above
    from telemetry.settings import load_settings  # noqa: PLC0415 - as above

    _log_to_stderr()
    run(load_settings(settings, RouterSettings))


def forward(settings: SettingsFile) -> None:
    """Carry interactions from the spool to Kafka, and the rollout's state from Kafka to the router."""
    from belay.wiring import load_forward  # noqa: PLC0415 - kafka stays out of the other commands
    from telemetry.forwarding.forwarder import run  # noqa: PLC0415 - as above

    _log_to_stderr()
    run(load_forward(settings), _stop_on_signals())


def control(settings: SettingsFile) -> None:
    """Hold the rollout's state: the control API, and the loop that acts on decisions."""
    from router.control.app import run_control  # noqa: PLC0415 - fastapi and kafka are of this command only
    from router.control.settings import ControlSettings  # noqa: PLC0415 - as above
    from telemetry.settings import load_settings  # noqa: PLC0415 - as above

    _log_to_stderr()
    run_control(load_settings(settings, ControlSettings))


def watch(settings: SettingsFile) -> None:
    """Tag, judge and test every interaction; publish scores and decisions."""
    from belay.wiring import load_watch  # noqa: PLC0415 - scikit-learn is of this command only
    from evaluator.watch.worker.worker import run_worker  # noqa: PLC0415 - as above

    _log_to_stderr()
    worker, bus = load_watch(settings)
    bus.ensure_topics()
    run_worker(worker, bus, _stop_on_signals())


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what signal.signal calls
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
