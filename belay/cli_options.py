"""Options that several offline commands share, and their defaults."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from belay.home import Home

HomeFolder = Annotated[Path, typer.Option("--home", help="Where everything that Belay makes lies.")]
BriefFile = Annotated[Path, typer.Option("--brief", help="The capability brief.")]
EngineUrl = Annotated[
    str | None, typer.Option("--url", help="An engine that serves it already; otherwise one is started.")
]
ModelName = Annotated[str, typer.Option("--model", help="The model's name at that engine.")]

HOME = Path(".belay")
BRIEF = Path("examples/support/brief.yaml")
ALIAS = "support"
OFFLINE = "Offline"


def started(parts: ExitStack, home: Home, folder: Path, model: str, console: Console) -> str:
    """The URL of an engine that serves `folder` until `parts` closes."""
    from belay.ports import free_port  # noqa: PLC0415 - vLLM's side is heavy
    from belay.progress import bar  # noqa: PLC0415 - as above
    from belay.wiring import engine_for  # noqa: PLC0415 - as above

    log = home.logs / f"vllm-{folder.name}.log"
    with bar(console, f"   vLLM with {folder.name}") as report:
        engine = parts.enter_context(
            engine_for(folder, port=free_port(), name=model, log=log, progress=report)
        )
    return engine.url
