"""Options that several offline commands share, and their defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from belay.commands.completing import models

HomeFolder = Annotated[Path, typer.Option("--home", help="Where everything that Belay makes lies.")]
BriefFile = Annotated[Path, typer.Option("--brief", help="The capability brief.")]
EngineUrl = Annotated[
    str | None, typer.Option("--url", help="An engine that serves it already; otherwise one is started.")
]
KeyEnv = Annotated[
    str | None, typer.Option("--key-env", help="The environment variable that holds that engine's key.")
]
BaseName = Annotated[
    str | None,
    typer.Option(
        "--base",
        help="A base in the home; needs to be said where there are several.",
        autocompletion=models("base"),
    ),
]
ModelName = Annotated[str, typer.Option("--model", help="The model's name at that engine.")]

PortOption = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port on 127.0.0.1.")]
ProjectFile = Annotated[Path, typer.Option("--file", help="The project's belay.yaml.")]

HOME = Path(".belay")
BRIEF = Path("examples/support/brief.yaml")
ALIAS = "support"
