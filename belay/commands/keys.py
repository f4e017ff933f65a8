"""`belay keys`: the API keys by which the router lets clients in."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from belay.progress import console_of
from telemetry.events import now

KEYS_COMMANDS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Make, list and revoke the API keys by which the router lets clients in.\n\n"
    "Example: `belay keys new shop --requests 600`",
)
KeyFilePath = Annotated[
    Path, typer.Option("--file", help="Where the hashes lie: `keys_file` of the router's settings.")
]
KeyName = Annotated[str, typer.Argument(help="Whose key it is.")]
KEYS = Path("keys.yaml")


@KEYS_COMMANDS.command()
def new(
    name: KeyName,
    route: Annotated[
        list[str] | None, typer.Option(help="A route that it may use; again for more, all without.")
    ] = None,
    requests: Annotated[int | None, typer.Option(min=1, help="Requests a minute; no limit without.")] = None,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens a minute, of prompts and answers together.")
    ] = None,
    at_once: Annotated[int | None, typer.Option(min=1, help="Requests being answered at a time.")] = None,
    evidence: Annotated[
        bool,
        typer.Option(
            help="Whether what is asked by it decides about a rollout; not where strangers have it."
        ),
    ] = True,
    days: Annotated[int | None, typer.Option(min=1, help="After so many days it expires.")] = None,
    file: KeyFilePath = KEYS,
) -> None:
    """Make a key and print it, this once: the file keeps a hash of it. The router knows it within a second.

    Example: `belay keys new shop --requests 600 --tokens 100000 --at-once 32`
    """
    from router.proxy.keys.key_file import add_key

    expires = now() + timedelta(days=days) if days is not None else None
    secret = add_key(
        file,
        name,
        expires=expires,
        routes=route,
        requests_per_minute=requests,
        tokens_per_minute=tokens,
        at_once=at_once,
        evidence=evidence,
    )
    typer.echo(secret)
    typer.echo(f"{name} has a key in {file}; it is not shown again", err=True)


@KEYS_COMMANDS.command("list")
def list_keys(file: KeyFilePath = KEYS) -> None:
    """List the keys: names, limits, and when they expire.

    Example: `belay keys list`
    """
    from router.proxy.keys.key_file import read_keys

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("name", "routes", "requests/min", "tokens/min", "at once", "evidence", "expires"):
        table.add_column(heading)
    for key in read_keys(file).keys:
        limits = (key.requests_per_minute, key.tokens_per_minute, key.at_once)
        expires = "never" if key.expires is None else f"{key.expires:%Y-%m-%d %H:%M} UTC"
        routes = "all" if key.routes is None else ", ".join(key.routes)
        told = ["-" if limit is None else f"{limit:,}" for limit in limits]
        table.add_row(escape(key.name), escape(routes), *told, "yes" if key.evidence else "no", expires)
    console_of().print(table)


@KEYS_COMMANDS.command()
def revoke(name: KeyName, file: KeyFilePath = KEYS) -> None:
    """Take a key back: the router lets nobody in by it any more, from within a second on.

    Example: `belay keys revoke shop`
    """
    from router.proxy.keys.key_file import revoke_key

    revoke_key(file, name)
    console_of().print(f"The key of {name} is known no more.", markup=False)
