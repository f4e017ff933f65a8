"""`belay rollout status`, `list`, `show`, `diff` and `watch`: looking at rollouts, from the terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.markup import escape
from rich.table import Table

from belay.commands.completing import rollouts
from belay.commands.control_options import CONTROL, ControlUrl, RolloutId, Route, Token
from belay.commands.rollout_shown import show_state
from belay.progress import console_of
from belay.steps.control_client import ask_control, not_control
from telemetry.errors import InfrastructureError

LOOK_EVERY_S: Final = 1.0
_ENDED: Final = frozenset({"rolled_back", "closed"})
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
OtherId = Annotated[str, typer.Argument(help="Another rollout's id.", autocompletion=rollouts)]


def status(
    route: Route = None, control: ControlUrl = CONTROL, token: Token = None, as_json: AsJson = False
) -> None:
    """Show the current rollout, and until when it can be rolled back.

    Example: `belay rollout status`
    """
    _show(f"{control}/rollouts/current", token, as_json=as_json, params=_on(route))


def show(
    rollout_id: RolloutId, control: ControlUrl = CONTROL, token: Token = None, as_json: AsJson = False
) -> None:
    """Show one rollout as it stands now.

    Example: `belay rollout show ROLLOUT --json`
    """
    _show(_url(control, rollout_id), token, as_json=as_json)


def list_rollouts(
    route: Route = None, control: ControlUrl = CONTROL, token: Token = None, as_json: AsJson = False
) -> None:
    """List every rollout that control knows, the latest first.

    Example: `belay rollout list`
    """
    found = ask_control("GET", f"{control}/rollouts", token=token, params=_on(route))
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("rollout", "route", "candidate", "status", "stage", "share", "revision", "since", "by"):
        table.add_column(heading)
    for one in found:
        stage = f"{one['stage'] + 1} of {one['stages']}"
        since = f"{datetime.fromisoformat(one['since']):%Y-%m-%d %H:%M}"
        values = (
            one["rollout_id"],
            one["route"],
            one["candidate"],
            one["status"],
            stage,
            f"{one['share']:.0%}",
        )
        table.add_row(*map(escape, (*values, str(one["revision"]), since, one["actor"])))
    console_of().print(table if found else "No rollout has been started.")


def diff(
    rollout_id: RolloutId, other_id: OtherId, control: ControlUrl = CONTROL, token: Token = None
) -> None:
    """Show what two rollouts were started with that differs.

    Example: `belay rollout diff ROLLOUT OTHER`
    """
    one, other = (
        dict(_flat(ask_control("GET", _url(control, each), token=token)["spec"]))
        for each in (rollout_id, other_id)
    )
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("", rollout_id, other_id):
        table.add_column(heading)
    differ = [name for name in dict.fromkeys([*one, *other]) if one.get(name) != other.get(name)]
    for name in differ:
        table.add_row(*(escape(str(v)) for v in (name, one.get(name, "-"), other.get(name, "-"))))
    console_of().print(table)


def watch(rollout_id: RolloutId, control: ControlUrl = CONTROL, token: Token = None) -> None:
    """Follow one rollout, a line for each change, until it ends. Status 1 where it was rolled back.

    Example: `belay rollout watch ROLLOUT`
    """
    for state in _changes(_url(control, rollout_id), token):
        stages = len(state["spec"]["stages"])
        console_of().print(
            f"{datetime.fromisoformat(state['time']):%H:%M:%S}  {state['status']:<11}  stage {state['stage'] + 1} of "
            f"{stages}  {state['share']:.0%}  {state['actor']}: {state['reason']}",
            markup=False,
            soft_wrap=True,
        )
        if state["status"] in _ENDED:
            raise typer.Exit(int(state["status"] == "rolled_back"))


def _changes(url: str, token: str | None) -> Iterator[dict[str, Any]]:
    """The rollout's states, each once. A control that is away is said, and waited for."""
    revision, away = 0, False
    while True:
        try:
            state = ask_control("GET", url, token=token)
            away = False
        except InfrastructureError as error:
            if revision == 0:
                raise
            if not away:
                console_of().print(f"{error.message}; trying on", markup=False)
            state, away = None, True
        if state is not None and state["revision"] != revision:
            revision = state["revision"]
            yield state
        time.sleep(LOOK_EVERY_S)


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Each leaf of a spec by its place; parts of a list go by their name, where they have one."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _flat(part, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            name = part.get("name", number) if isinstance(part, dict) else number
            yield from _flat(part, f"{place}[{name}]")
    else:
        yield place, value


def _on(route: str | None) -> dict[str, str] | None:
    return None if route is None else {"route": route}


def _show(url: str, token: str | None, *, as_json: bool, params: dict[str, str] | None = None) -> None:
    state = ask_control("GET", url, token=token, params=params)
    if as_json:
        if not isinstance(state, dict) or "spec" not in state:
            raise not_control(url, str(state))
        typer.echo(json.dumps(state))
        return
    show_state(state, url)


def _url(control: str, rollout_id: str) -> str:
    return f"{control}/rollouts/{quote(rollout_id, safe='')}"
