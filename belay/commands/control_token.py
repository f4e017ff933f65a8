"""`belay control token`: who may ask control for what."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from belay.progress import console_of
from telemetry.events import now

TOKEN_COMMANDS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Make, list and revoke the tokens by which control knows who asks.\n\n"
    "Example: `belay control token new ada --role operator`",
)
TokenFilePath = Annotated[
    Path, typer.Option("--file", help="Where the hashes lie: `access.tokens` of belay.yaml.")
]
TokenName = Annotated[str, typer.Argument(help="Whose token it is; it is recorded with what they do.")]
TOKENS = Path("tokens.yaml")


class RoleName(str, Enum):  # noqa: UP042 - typer shows a StrEnum's members in upper case
    """What a token lets its owner do."""

    viewer = "viewer"
    operator = "operator"
    admin = "admin"


@TOKEN_COMMANDS.command()
def new(
    name: TokenName,
    role: Annotated[
        RoleName,
        typer.Option(
            help="A viewer looks; an operator starts, promotes and rolls back; an admin also closes."
        ),
    ],
    days: Annotated[int | None, typer.Option(min=1, help="After so many days it expires.")] = None,
    file: TokenFilePath = TOKENS,
) -> None:
    """Make a token and print it, this once: the file keeps a hash of it. Control knows it at once.

    Example: `belay control token new ada --role operator --days 90`
    """
    from router.control.tokens import add_token

    expires = now() + timedelta(days=days) if days is not None else None
    secret = add_token(file, name, role.value, expires)
    typer.echo(secret)
    typer.echo(f"{name} is {role.value} in {file}; the token is not shown again", err=True)


@TOKEN_COMMANDS.command("list")
def list_tokens(file: TokenFilePath = TOKENS) -> None:
    """List the tokens: names, roles, and when they expire.

    Example: `belay control token list`
    """
    from router.control.tokens import read_tokens

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("name", "role", "expires"):
        table.add_column(heading)
    for token in read_tokens(file).tokens:
        expires = "never" if token.expires is None else f"{token.expires:%Y-%m-%d %H:%M} UTC"
        table.add_row(escape(token.name), token.role, expires)
    console_of().print(table)


@TOKEN_COMMANDS.command()
def revoke(name: TokenName, file: TokenFilePath = TOKENS) -> None:
    """Take a token back: control knows it no more from the next request on.

    Example: `belay control token revoke ada`
    """
    from router.control.tokens import revoke_token

    revoke_token(file, name)
    console_of().print(f"The token of {name} is known no more.", markup=False)
