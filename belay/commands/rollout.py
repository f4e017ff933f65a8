"""`belay rollout`: draft, start, inspect, promote, roll back or close a rollout, and see what is pinned."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.table import Table

from belay.commands.completing import rollouts
from belay.commands.options import HOME, HomeFolder
from belay.home import Home
from belay.lazy import Entry, lazy
from belay.progress import console_of
from serving.models.pins import pinned_folders, read_pins, release_by_hand
from telemetry.errors import InfrastructureError, UsageError
from telemetry.events import RolloutSpec
from telemetry.settings import load_document

ControlUrl = Annotated[str, typer.Option("--control", help="Where control answers.")]
RolloutId = Annotated[
    str, typer.Argument(help="The rollout's id, as `belay rollout status` shows it.", autocompletion=rollouts)
]
Actor = Annotated[str, typer.Option("--by", help="Your name; it is recorded.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded.")]

_CONTROL = "http://127.0.0.1:8090"
ROLLOUT_COMMANDS = typer.Typer(
    cls=lazy(
        {
            "draft": Entry(
                "belay.commands.rollout_draft:draft",
                None,
                "Write a rollout's file from the models, their audit, the brief and the baseline, to read before "
                "`start`.",
            )
        }
    ),
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Draft, start, inspect, promote, roll back or close a rollout; see what is pinned.\n\n"
    "Example: `belay rollout draft support-2` and then `belay rollout start rollout.yaml`",
)


@ROLLOUT_COMMANDS.command()
def start(
    spec: Annotated[Path, typer.Argument(help="The rollout as YAML or JSON (a RolloutSpec).")],
    control: ControlUrl = _CONTROL,
) -> None:
    """Start a rollout with its first stage. Its models are pinned from here on.

    Example: `belay rollout start rollout.yaml`
    """
    _show(_call("POST", f"{control}/rollouts", load_document(spec, RolloutSpec).model_dump(mode="json")))


@ROLLOUT_COMMANDS.command()
def status(control: ControlUrl = _CONTROL) -> None:
    """Show the current rollout, and until when it can be rolled back.

    Example: `belay rollout status`
    """
    _show(_call("GET", f"{control}/rollouts/current"))


@ROLLOUT_COMMANDS.command()
def rollback(rollout_id: RolloutId, by: Actor, reason: Reason, control: ControlUrl = _CONTROL) -> None:
    """Put all traffic back on base, now. Possible while it ramps up, and for 30 days after the full rollout.

    Example: `belay rollout rollback ROLLOUT --by Ada --reason "complaints about totals"`
    """
    _show(_call("POST", f"{control}/rollouts/{rollout_id}/rollback", {"actor": by, "reason": reason}))


@ROLLOUT_COMMANDS.command()
def promote(rollout_id: RolloutId, by: Actor, reason: Reason, control: ControlUrl = _CONTROL) -> None:
    """Go one stage on, by hand.

    Example: `belay rollout promote ROLLOUT --by Ada --reason "a week without a complaint"`
    """
    _show(_call("POST", f"{control}/rollouts/{rollout_id}/promote", {"actor": by, "reason": reason}))


@ROLLOUT_COMMANDS.command()
def close(rollout_id: RolloutId, by: Actor, reason: Reason, control: ControlUrl = _CONTROL) -> None:
    """End a promoted rollout once the control engine serves its model: all traffic goes there, nothing is pinned.

    Example: `belay rollout close ROLLOUT --by Ada --reason "it is base now"`
    """
    _show(_call("POST", f"{control}/rollouts/{rollout_id}/close", {"actor": by, "reason": reason}))


@ROLLOUT_COMMANDS.command()
def pins(home: HomeFolder = HOME) -> None:
    """Show the models that may not be replaced or removed, by which rollout and until when.

    Example: `belay rollout pins`
    """
    models = Home(home.resolve()).models
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("rollout", "since", "until", "model", "folder"):
        table.add_column(heading)
    folders = [(pin.rollout_id, folder) for folder, pin in pinned_folders(models)]
    found = read_pins(models)
    for pin in found:
        until = "it ends" if pin.until is None else f"{pin.until:%Y-%m-%d %H:%M}"
        names = ", ".join(dict.fromkeys(model.name for model in pin.models))
        held = ", ".join(str(folder.name) for rollout, folder in folders if rollout == pin.rollout_id)
        table.add_row(pin.rollout_id, f"{pin.since:%Y-%m-%d %H:%M}", until, names, held or "not here")
    console_of().print(table if found else f"Nothing is pinned in {models}.")


@ROLLOUT_COMMANDS.command()
def unpin(rollout_id: RolloutId, by: Actor, reason: Reason, home: HomeFolder = HOME) -> None:
    """Release a rollout's models by hand, where it is over and nobody could say so (its control was killed).

    Example: `belay rollout unpin ROLLOUT --by Ada --reason "its control is gone"`
    """
    models = Home(home.resolve()).models
    if not release_by_hand(models, rollout_id, by, reason):
        known = ", ".join(pin.rollout_id for pin in read_pins(models)) or "none"
        raise UsageError(
            f"no rollout {rollout_id!r} pins anything in {models}; known are {known}",
            hint="`belay rollout pins` lists them; --home says where the models lie.",
        )
    console_of().print(f"The models of rollout {rollout_id} are pinned no more.")


def _call(method: str, url: str, body: dict[str, object] | None = None) -> dict[str, Any]:
    try:
        answer = httpx.request(method, url, json=body, timeout=10.0)
    except httpx.HTTPError as error:
        raise InfrastructureError(
            f"control does not answer at {url}: {error}",
            hint="Start it with `belay control --settings control.yaml`, or say where it is with --control.",
        ) from error
    if answer.is_client_error:
        raise UsageError(f"control at {url} refused: {_told(answer)}", hint=_field(answer, "hint"))
    if answer.is_error:
        raise InfrastructureError(f"control at {url} failed: {_told(answer)}", hint=_field(answer, "hint"))
    try:
        found: dict[str, Any] = answer.json()
        found["status"], found["spec"]
    except (ValueError, KeyError, TypeError) as error:
        raise InfrastructureError(
            f"what answers at {url} sent no rollout's state: {answer.text[:120]!r}",
            hint="Is it Belay's control?",
        ) from error
    return found


def _told(answer: httpx.Response) -> str:
    """What control said, as people read it."""
    if said := _field(answer, "error"):
        return said
    try:
        lines = [f"{'.'.join(map(str, d['loc'][1:]))}: {d['msg']}" for d in answer.json()["detail"]]
    except (ValueError, LookupError, TypeError):
        return f"{answer.status_code} {answer.text}"
    return "; ".join(lines)


def _field(answer: httpx.Response, name: str) -> str:
    try:
        return str(answer.json().get(name, ""))
    except (ValueError, AttributeError):
        return ""


def _show(state: dict[str, Any]) -> None:
    table = Table(show_header=False, box=None)
    spec = state.get("spec", {})
    table.add_row("rollout", str(spec.get("rollout_id")))
    table.add_row("candidate", str(spec.get("candidate", {}).get("name")))
    table.add_row("stages", " -> ".join(f"{stage['share']:.0%}" for stage in spec.get("stages", [])))
    for key in ("status", "stage", "share", "revision", "since", "actor", "reason"):
        table.add_row(key, str(state.get(key, "")))
    if state.get("status") == "promoted":
        until = datetime.fromisoformat(state["since"]) + timedelta(days=spec["rollback_window_days"])
        table.add_row("rollback", f"possible until {until:%Y-%m-%d %H:%M} UTC")
    if allotment := state.get("allotment"):
        parts = [f"{name} {fraction:.0%}" for name, fraction in allotment["by_capability"].items()]
        table.add_row("shadows", f"{', '.join(parts)}; other prompts {allotment['otherwise']:.0%}")
    elif spec.get("shadow"):
        table.add_row("shadows", f"{spec['shadow']:.0%} of all prompts, evenly")
    console_of().print(table)
