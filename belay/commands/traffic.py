"""`belay traffic`: the brief's own prompts, sent through a route on this machine."""

from __future__ import annotations

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
) -> None:
    """Send the brief's `traffic` items through the router of belay.yaml, until done or until its rollout ends.

    For trying a route out where it has no users yet; it asks 127.0.0.1 alone. Capabilities come by their share.

    Example: `belay traffic --count 1000`
    """
    from belay.launcher.traffic import send_traffic

    send_traffic(load_project(file), count=count, at_once=at_once, seed=seed, console=console_of())
