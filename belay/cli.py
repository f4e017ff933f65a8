"""`belay`: the command line. Exit status: 0 pass, 1 fail, 2 usage, 3 inconclusive, 4 infrastructure."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import typer
from rich.console import Console
from rich.markup import escape

from belay.commands.audit import add_to as add_audit
from belay.commands.benchmark import add_to as add_benchmark
from belay.commands.clean import add_to as add_home
from belay.commands.demo import add_to as add_offline
from belay.commands.map import add_to as add_map
from belay.commands.online import add_to as add_online
from belay.commands.plan import add_to as add_plan
from belay.commands.train import add_to as add_train
from telemetry.errors import BelayError

app = typer.Typer(
    name="belay",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Rolls a fine-tuned language model out beside its base, watches every capability that users rely on, "
    "and puts all traffic back on base the moment one got worse.\n\n"
    "Start with `belay demo`. The usual order: `prepare`, `baseline`, `train`, `audit`, then `broker`, `serve` "
    "twice, `control`, `router`, `forward`, `watch`, and `rollout draft` and `start`.\n\n"
    "Exit status: 0 pass, 1 fail, 2 usage, 3 inconclusive, 4 infrastructure.",
)
add_offline(app)
add_map(app)
add_audit(app)
add_benchmark(app)
add_train(app)
add_online(app)
add_plan(app)
add_home(app)


def main() -> None:
    """Run the command line and end the process with its status."""
    # As Ctrl-C, so that whatever stops the children on one stops them on the other.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        app()
    except BelayError as error:
        console = Console(stderr=True, highlight=False)
        console.print(f"[bold red]belay:[/] {escape(error.message)}")
        if error.hint:
            console.print(f"       {escape(error.hint)}")
        sys.exit(error.exit_code)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what signal.signal calls
    raise KeyboardInterrupt
