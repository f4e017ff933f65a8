"""The commands of the online path: engines, router, forwarder, control, worker, and the rollout itself."""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.table import Table

from telemetry.errors import InfrastructureError, UsageError

SettingsFile = Annotated[Path, typer.Option("--settings", help="A YAML file; an unknown key is an error.")]
ControlUrl = Annotated[str, typer.Option("--control", help="Where control answers.")]
Actor = Annotated[str, typer.Option("--by", help="Your name; it is recorded.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded.")]

_CONTROL = "http://127.0.0.1:8090"
_ONLINE = "Online"
_ROLLOUT = typer.Typer(no_args_is_help=True, help="Start, inspect, promote or roll back a rollout.")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(rich_help_panel=_ONLINE)(serve)
    app.command(rich_help_panel=_ONLINE)(router)
    app.command(rich_help_panel=_ONLINE)(forward)
    app.command(rich_help_panel=_ONLINE)(control)
    app.command(rich_help_panel=_ONLINE)(watch)
    app.add_typer(_ROLLOUT, name="rollout", rich_help_panel=_ONLINE)


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
    from router.app import run  # noqa: PLC0415 - the router starts without the other commands' imports
    from router.settings import RouterSettings, load_settings  # noqa: PLC0415 - as above

    _log_to_stderr()
    run(load_settings(settings, RouterSettings))


def forward(settings: SettingsFile) -> None:
    """Carry interactions from the spool to Kafka, and the rollout's state from Kafka to the router."""
    from belay.wiring import load_forward  # noqa: PLC0415 - kafka stays out of the other commands
    from telemetry.forwarder import run  # noqa: PLC0415 - as above

    _log_to_stderr()
    run(load_forward(settings), _stop_on_signals())


def control(settings: SettingsFile) -> None:
    """Hold the rollout's state: the control API, and the loop that acts on decisions."""
    from router.control import run_control  # noqa: PLC0415 - fastapi and kafka are of this command only
    from router.settings import ControlSettings, load_settings  # noqa: PLC0415 - as above

    _log_to_stderr()
    run_control(load_settings(settings, ControlSettings))


def watch(settings: SettingsFile) -> None:
    """Tag, judge and test every interaction; publish scores and decisions."""
    from belay.wiring import load_watch  # noqa: PLC0415 - scikit-learn is of this command only
    from evaluator.worker import run_worker  # noqa: PLC0415 - as above

    _log_to_stderr()
    worker, bus = load_watch(settings)
    bus.ensure_topics()
    run_worker(worker, bus, _stop_on_signals())


@_ROLLOUT.command()
def start(
    spec: Annotated[Path, typer.Argument(help="The rollout as YAML or JSON (a RolloutSpec).")],
    control: ControlUrl = _CONTROL,
) -> None:
    """Start a rollout with its first stage."""
    from belay.wiring import load_spec  # noqa: PLC0415 - pydantic models only when they are needed

    _show(_call("POST", f"{control}/rollouts", load_spec(spec).model_dump(mode="json")))


@_ROLLOUT.command()
def status(control: ControlUrl = _CONTROL) -> None:
    """Show the current rollout."""
    _show(_call("GET", f"{control}/rollouts/current"))


@_ROLLOUT.command()
def rollback(rollout_id: str, by: Actor, reason: Reason, control: ControlUrl = _CONTROL) -> None:
    """Put all traffic back on base, now."""
    _show(_call("POST", f"{control}/rollouts/{rollout_id}/rollback", {"actor": by, "reason": reason}))


@_ROLLOUT.command()
def promote(rollout_id: str, by: Actor, reason: Reason, control: ControlUrl = _CONTROL) -> None:
    """Go one stage on, by hand."""
    _show(_call("POST", f"{control}/rollouts/{rollout_id}/promote", {"actor": by, "reason": reason}))


def _call(method: str, url: str, body: dict[str, object] | None = None) -> dict[str, object]:
    try:
        answer = httpx.request(method, url, json=body, timeout=10.0)
    except httpx.HTTPError as error:
        raise InfrastructureError(
            f"control does not answer at {url}: {error}",
            hint="Is `belay control` running, and is --control right?",
        ) from error
    if answer.is_client_error:
        raise UsageError(f"control refused: {answer.status_code} {answer.text}")
    if answer.is_error:
        raise InfrastructureError(f"control failed: {answer.status_code} {answer.text}")
    found: dict[str, object] = answer.json()
    return found


def _show(state: dict[str, object]) -> None:
    table = Table(show_header=False, box=None)
    spec = state.get("spec")
    if isinstance(spec, dict):
        table.add_row("rollout", str(spec.get("rollout_id")))
        table.add_row("candidate", str(spec.get("candidate", {}).get("name")))
        stages = [f"{stage['share']:.0%}" for stage in spec.get("stages", [])]
        table.add_row("stages", " -> ".join(stages))
    for key in ("status", "stage", "share", "revision", "since", "actor", "reason"):
        table.add_row(key, str(state.get(key, "")))
    Console().print(table)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what signal.signal calls
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
