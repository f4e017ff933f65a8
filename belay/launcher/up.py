"""`belay up`: every part of the online path that a project names, started, watched and ended together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

import httpx
from rich.console import Console
from rich.markup import escape

from belay.launcher.asked import asked
from belay.launcher.parts import Part, parts_of, stack_settings
from belay.launcher.processes import processes_of
from belay.launcher.routes import Route
from belay.launcher.supervisor import Supervisor
from belay.progress import bar
from belay.steps.init import listens
from telemetry.bus.kafka_bus import KafkaBus
from telemetry.errors import BelayError, PortTaken, UsageError
from telemetry.mistakes import near_or_known

_CHECK_S = 0.5
_COLOURS: Final = {"attested": "green", "unknown": "yellow", "refused": "red"}
RESTARTS = 5
"""So many times a part that ended by itself is started again, before all of it is given up."""


def write_settings(route: Route) -> None:
    """Write the settings file of each process into the route's folder."""
    for process in processes_of(stack_settings(route)):
        process.written(route.folder)


def chosen(route: Route, name: str) -> Part:
    """The part called `name`. Raises UsageError."""
    parts = {part.name: part for part in parts_of(route)}
    if name not in parts:
        raise UsageError(f"there is no part {name!r} here{near_or_known(name, parts)}")
    return parts[name]


def run_up(route: Route, console: Console, stop: threading.Event, ready: Callable[[], None]) -> None:
    """Start every part in its order, call `ready` when all are up, and watch them until `stop`.

    Raises InfrastructureError where a part does not come up, or ends again and again; all others are ended then.
    """
    write_settings(route)
    parts = parts_of(route)
    for part in parts:
        if part.file is not None:  # of a run before this one; it says that the part is up
            part.file.unlink(missing_ok=True)
    _refuse_taken(parts)
    with Supervisor(route.folder.logs) as children, httpx.Client(timeout=5.0) as http:
        for part in _started(route, parts, children, http, console):
            console.print(f"   {part.name:<10} up" + (f"   {part.url}" if part.url else ""))
        ready()
        while not stop.wait(_CHECK_S):
            for name in children.revive(RESTARTS):
                console.print(
                    f"   {name:<10} had ended and was started again; see {route.folder.logs}/{name}.log"
                )


def _started(
    route: Route, parts: Sequence[Part], children: Supervisor, http: httpx.Client, console: Console
) -> list[Part]:
    for part in parts:
        if part.name == "control":
            KafkaBus(route.project.bus()).ensure_topics()
        with bar(console, f"   {part.name}") as report:
            children.start(part.name, part.arguments)
            children.wait_until(
                lambda part=part: _is_up(part, http),  # type: ignore[misc]  # mypy cannot type a lambda's default
                f"the start of {part.name}",
                part.start_s,
            )
            report(1, 1, "")
    return list(parts)


def show_who_answers(route: Route, console: Console) -> None:
    """Say of each arm whether its engine serves its model.

    What is wrong with the candidate keeps base from nobody: no rollout of it starts, and control ends one that is live.
    """
    try:
        for name, found in asked(route):
            state = found.attestation.state
            told = escape(f"{name}: {found}")
            console.print(f"   [{_COLOURS[state]}]{state}[/] {told}", soft_wrap=True)
    except BelayError as error:
        console.print(f"   [red]refused[/] {escape(error.message)}", soft_wrap=True)


def _is_up(part: Part, http: httpx.Client) -> bool:
    if part.port is not None:
        return listens("127.0.0.1", part.port)
    if part.url is None:
        return part.file is None or part.file.is_file()
    try:
        return http.get(part.url).is_success
    except httpx.HTTPError:
        return False


def _refuse_taken(parts: Sequence[Part]) -> None:
    """Raise PortTaken where something answers already: two routers on one spool would lose what users said."""
    for part in parts:
        port = part.port or (httpx.URL(part.url).port if part.url else None)
        if port is not None and listens("127.0.0.1", port):
            raise PortTaken(
                f"{part.name} cannot be started: something listens on 127.0.0.1:{port} already",
                hint="Is `belay up` running? `belay status` shows it. Otherwise choose other `ports` in belay.yaml.",
            )
