"""`belay rollout`: what changes a rollout. Looking is in `rollout_views`, pins are in `rollout_pins`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from belay.commands.control_options import CONTROL, Actor, ControlUrl, Reason, RolloutId, Seen, Token
from belay.commands.rollout_shown import show_state
from belay.lazy import Entry, lazy
from belay.steps.control_client import START_S, ask_control
from telemetry.events import RolloutSpec
from telemetry.settings import load_document

_VIEWS: Final = "belay.commands.rollout_views"
_PINS: Final = "belay.commands.rollout_pins"

ROLLOUT_COMMANDS = typer.Typer(
    cls=lazy(
        {
            "draft": Entry(
                "belay.commands.rollout_draft:draft",
                None,
                "Write a rollout's file from the models, their audit, the brief and the baseline, to read before "
                "`start`.",
            ),
            "status": Entry(
                f"{_VIEWS}:status", None, "Show the current rollout, and until when it can be rolled back."
            ),
            "list": Entry(
                f"{_VIEWS}:list_rollouts", None, "List every rollout that control knows, the latest first."
            ),
            "show": Entry(f"{_VIEWS}:show", None, "Show one rollout as it stands now."),
            "diff": Entry(f"{_VIEWS}:diff", None, "Show what two rollouts were started with that differs."),
            "watch": Entry(
                f"{_VIEWS}:watch",
                None,
                "Follow one rollout, a line for each change, until it ends. Status 1 where it was rolled back.",
            ),
            "history": Entry(
                "belay.commands.rollout_history:history",
                None,
                "Show who did what to which rollout, refusals too, and whether the log was tampered with: status 1.",
            ),
            "pins": Entry(
                f"{_PINS}:pins",
                None,
                "Show the models that may not be replaced or removed, by which rollout and until when.",
            ),
            "unpin": Entry(
                f"{_PINS}:unpin",
                None,
                "Release a rollout's models by hand, where it is over and nobody could say so (its control was "
                "killed).",
            ),
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
    by: Actor = None,
    reason: Reason = "started",
    control: ControlUrl = CONTROL,
    token: Token = None,
) -> None:
    """Start a rollout with its first stage. Its models are pinned from here on.

    Example: `belay rollout start rollout.yaml`
    """
    body = load_document(spec, RolloutSpec).model_dump(mode="json")
    said = {"reason": reason} | ({"actor": by} if by is not None else {})
    url = f"{control}/rollouts"
    show_state(ask_control("POST", url, body, token=token, params=said, timeout_s=START_S), url)


@ROLLOUT_COMMANDS.command()
def rollback(
    rollout_id: RolloutId,
    reason: Reason,
    by: Actor = None,
    control: ControlUrl = CONTROL,
    token: Token = None,
) -> None:
    """Put all traffic back on base, now. Possible from the start on, and for 30 days after the full rollout.

    Example: `belay rollout rollback ROLLOUT --by Ada --reason "complaints about totals"`
    """
    _act(control, rollout_id, "rollback", token, {"actor": by, "reason": reason})


@ROLLOUT_COMMANDS.command()
def promote(
    rollout_id: RolloutId,
    reason: Reason,
    by: Actor = None,
    revision: Seen = None,
    control: ControlUrl = CONTROL,
    token: Token = None,
) -> None:
    """Go one stage on, by hand.

    Example: `belay rollout promote ROLLOUT --by Ada --reason "a week without a complaint"`
    """
    _act(control, rollout_id, "promote", token, {"actor": by, "reason": reason, "revision": revision})


@ROLLOUT_COMMANDS.command()
def pause(
    rollout_id: RolloutId,
    reason: Reason,
    by: Actor = None,
    revision: Seen = None,
    control: ControlUrl = CONTROL,
    token: Token = None,
) -> None:
    """Promote nothing until somebody resumes; whoever has the candidate keeps it, and the watch goes on.

    Example: `belay rollout pause ROLLOUT --by Ada --reason "a look at the refunds"`
    """
    _act(control, rollout_id, "pause", token, {"actor": by, "reason": reason, "revision": revision})


@ROLLOUT_COMMANDS.command()
def resume(
    rollout_id: RolloutId,
    reason: Reason,
    by: Actor = None,
    revision: Seen = None,
    control: ControlUrl = CONTROL,
    token: Token = None,
) -> None:
    """Go on with a paused rollout, in the stage in which it was paused.

    Example: `belay rollout resume ROLLOUT --by Ada --reason "the refunds are right"`
    """
    _act(control, rollout_id, "resume", token, {"actor": by, "reason": reason, "revision": revision})


@ROLLOUT_COMMANDS.command()
def close(
    rollout_id: RolloutId,
    reason: Reason,
    by: Actor = None,
    revision: Seen = None,
    control: ControlUrl = CONTROL,
    token: Token = None,
) -> None:
    """End a promoted rollout once the control engine serves its model: all traffic goes there, nothing is pinned.

    Example: `belay rollout close ROLLOUT --by Ada --reason "it is base now"`
    """
    _act(control, rollout_id, "close", token, {"actor": by, "reason": reason, "revision": revision})


def _act(control: str, rollout_id: str, action: str, token: str | None, word: dict[str, Any]) -> None:
    url = f"{control}/rollouts/{quote(rollout_id, safe='')}/{action}"
    body = {name: value for name, value in word.items() if value is not None}
    show_state(ask_control("POST", url, body, token=token), url)
