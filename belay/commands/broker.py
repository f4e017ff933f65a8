"""`belay broker`: the embedded broker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from belay.commands.options import PortOption
from belay.commands.processes import stop_on_signals
from belay.launcher.embedded_broker import EmbeddedBroker
from belay.logs import log_to_stderr
from telemetry.errors import InfrastructureError


def broker(
    port: PortOption = 9092,
    log: Annotated[Path, typer.Option(help="Where it says what it does.")] = Path("broker.log"),
) -> None:
    """Run the embedded broker until interrupted: for one machine and for trying; what it holds is in memory only.

    Example: `belay broker --port 9092`
    """
    log_to_stderr()
    stop = stop_on_signals()
    with EmbeddedBroker(port, log) as running:
        Console(stderr=True).print(
            f"belay: a broker answers at {running.bootstrap_servers}; it keeps nothing on disk"
        )
        while not stop.wait(0.5):
            if not running.running:
                raise InfrastructureError("the broker died", hint=f"Its log is {log}.")
