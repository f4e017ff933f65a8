"""What a shell completes beside commands and options: names that lie in the home. It loads no engine and no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from belay.home import Home
from belay.project import FILE, load_project
from serving.models.manifest import Kind
from serving.models.store import ModelStore
from telemetry.errors import BelayError
from telemetry.rollout_file import read_rollout

Complete = Callable[[typer.Context, str], list[tuple[str, str]]]
"""From what has been typed so far to the values that may follow, each with a word about it."""

PARTS = {
    "broker": "the embedded broker",
    "base": "the engine of base",
    "candidate": "the engine of the candidate",
    "control": "the rollout's state",
    "router": "what clients ask",
    "forwarder": "from the spool to Kafka",
    "worker": "scorer and decider",
}


def models(*kinds: Kind) -> Complete:
    """Completes the name of a model in the home, of these kinds only where some are named."""

    def complete(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
        found = ModelStore(_home(ctx).models).every(*kinds)
        return [(model.name, model.manifest.kind) for model in found if model.name.startswith(incomplete)]

    return complete


def rollouts(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Completes the id of a rollout whose state lies in the home."""
    return [found for found in _rollouts(_home(ctx)) if found[0].startswith(incomplete)]


def parts(incomplete: str) -> list[tuple[str, str]]:
    """Completes a part of the online path, for `belay up`."""
    return [found for found in PARTS.items() if found[0].startswith(incomplete)]


def _rollouts(home: Home) -> Iterator[tuple[str, str]]:
    for path in sorted(home.runs.glob("*/rollout*.json")):
        try:
            state = read_rollout(path)
        except BelayError:
            continue
        if state is not None:
            yield state.spec.rollout_id, state.status


def _home(ctx: typer.Context) -> Home:
    """The home that the command will use: as typed, else as belay.yaml says, else the default."""
    typed = ctx.get_parameter_source("home")
    if typed is not None and typed.name == "COMMANDLINE":
        return Home(Path(ctx.params["home"]))
    file = Path(ctx.params.get("file") or FILE)
    try:
        return Home(load_project(file).home)
    except BelayError:
        return Home(Path(".belay"))
