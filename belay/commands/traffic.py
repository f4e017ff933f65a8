"""`belay traffic`: the brief's own prompts, or those of a file, sent through a route on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from belay.commands.options import ProjectFile
from belay.progress import console_of
from belay.project import FILE, load_project

MOST: Final = 100_000


def traffic(
    file: ProjectFile = FILE,
    count: Annotated[int, typer.Option(min=1, max=MOST, help="So many requests.")] = 600,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="So many of them at a time.")] = 12,
    seed: Annotated[int, typer.Option(help="Which prompts, from whom and in which order.")] = 7,
    prompts: Annotated[
        Path | None,
        typer.Option(
            "--prompts",
            help="Conversations to send instead, one request a line (docs/belay.md).",
            show_default="the brief's items",
        ),
    ] = None,
    route: Annotated[
        str | None,
        typer.Option("--route", help="One of `routes` in belay.yaml.", show_default="the file's own"),
    ] = None,
) -> None:
    """Send the brief's `traffic` items through the router of belay.yaml, until done or until its rollout ends.

    For trying a route out where it has no users yet; it asks 127.0.0.1 alone. Capabilities come by their share.
    A file of prompts is sent in its own order, at most `--count` of them.

    Example: `belay traffic --count 1000` or `belay traffic --route acme/sql --prompts traffic.jsonl`
    """
    from belay.launcher.traffic import send_traffic, turns_for

    project = load_project(file)
    turns = turns_for(project, prompts, count=count, seed=seed, route=route)
    send_traffic(project, turns, at_once=at_once, console=console_of(), route=route)
