"""What the commands that ask control share: its address, the token, the rollout, and the word of who asks."""

from __future__ import annotations

from typing import Annotated

import typer

from belay.commands.completing import rollouts
from belay.steps.control_client import TOKEN_VARIABLE

CONTROL = "http://127.0.0.1:8090"
ControlUrl = Annotated[str, typer.Option("--control", help="Where control answers.")]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar=TOKEN_VARIABLE,
        show_envvar=False,
        help=f"Your token, where control asks who you are; better in {TOKEN_VARIABLE}, where nobody sees it.",
    ),
]
RolloutId = Annotated[
    str, typer.Argument(help="The rollout's id, as `belay rollout list` shows it.", autocompletion=rollouts)
]
Route = Annotated[
    str | None,
    typer.Option("--route", help="The router's route, where several have a rollout: a model's public name."),
]
Actor = Annotated[
    str | None,
    typer.Option("--by", help="Your name, where control does not ask for a token; it is recorded."),
]
Named = Annotated[str, typer.Option("--by", help="Your name; it is recorded.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded.")]
Seen = Annotated[
    int | None,
    typer.Option(
        "--revision", min=1, help="The revision that you have seen: refused where it was changed since."
    ),
]
