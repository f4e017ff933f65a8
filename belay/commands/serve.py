"""`belay serve`: one model behind vLLM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from belay.commands.processes import log_to_stderr, stop_on_signals
from belay.wiring import engine_for
from telemetry.errors import InfrastructureError


def serve(
    model: Annotated[Path, typer.Argument(help="A model folder with its manifest.")],
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8001,
    name: Annotated[str, typer.Option(help="The model's name as clients ask for it.")] = "support",
) -> None:
    """Serve one model folder with vLLM until interrupted; refuses a folder whose hash differs."""
    log_to_stderr()
    stop = stop_on_signals()
    with engine_for(model, port=port, name=name, log=Path(f"{model.name}-{port}.log")) as engine:
        Console(stderr=True).print(f"belay: {model} answers at {engine.url}/v1 as {name!r}")
        while not stop.wait(0.5):
            if not engine.alive():
                raise InfrastructureError(
                    f"the engine of {model} died", hint=f"Its log is {engine.settings.log_file}."
                )
