"""`belay rollout history`: the audit log, its chain of hashes followed."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from belay.commands.completing import rollouts
from belay.commands.control_options import CONTROL, ControlUrl, Token
from belay.progress import console_of
from belay.steps.control_client import ask_control, not_control
from router.control.audit_chain import verify


def history(
    rollout_id: Annotated[
        str | None, typer.Argument(help="Of this rollout alone.", autocompletion=rollouts)
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="A copy of control's audit.jsonl, in place of asking control.")
    ] = None,
    newest: Annotated[int, typer.Option("--max", min=1, help="Show the newest so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="The entries as they are, a line each.")] = False,
    control: ControlUrl = CONTROL,
    token: Token = None,
) -> None:
    """Show who did what to which rollout, refusals too, and whether the log was tampered with: status 1.

    The head, a hash of all that was written, is told at the end: note it, and nobody can cut the log unseen.

    Example: `belay rollout history ROLLOUT`
    """
    lines = _lines(file, control, token)
    chain = verify(lines)
    entries = [found for line in lines if (found := _entry(line, rollout_id)) is not None][-newest:]
    if as_json:
        for entry in entries:
            typer.echo(json.dumps(entry))
    else:
        console_of().print(_table(entries) if entries else "Nothing has been done yet.")
    typer.echo(f"{chain.length:,} entries hold together; the last one is {chain.head}", err=True)
    if chain.broken is not None:
        typer.echo(f"The log was tampered with: {chain.broken}.", err=True)
        raise typer.Exit(1)


def _lines(file: Path | None, control: str, token: str | None) -> list[str]:
    if file is not None:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    url = f"{control}/history"
    found = ask_control("GET", url, token=token)
    if not isinstance(found, list):
        raise not_control(url, str(found))
    return [str(line) for line in found]


def _entry(line: str, rollout_id: str | None) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
        mine = rollout_id is None or entry["rollout_id"] == rollout_id
    except (ValueError, LookupError, TypeError):
        return None  # what is no entry is told of by the chain
    return entry if mine else None


def _table(entries: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("when (UTC)", "rollout", "who", "from", "what", "revision", "why"):
        table.add_column(heading)
    for e in entries:
        when = f"{datetime.fromisoformat(e['time']):%Y-%m-%d %H:%M:%S}"
        who = f"{e['actor'] or 'unknown'} ({e['role']})" if e["role"] else e["actor"]
        what = e["what"] if e["outcome"] == "changed" else f"refused: {e['what']}"
        revision = "" if e["after"] is None else f"{e['before'] or 0} -> {e['after']}"
        row = (when, e["rollout_id"], who, e["origin"], what, revision, e["reason"])
        table.add_row(*map(escape, row))
    return table
