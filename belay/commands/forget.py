"""`belay forget`: what Kafka holds of one subject, when it goes, what stays; and its texts deleted at once."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from belay.commands.options import ProjectFile
from belay.progress import console_of
from belay.project import FILE, load_project

if TYPE_CHECKING:
    from belay.steps.forget import Account

Subject = Annotated[
    str,
    typer.Argument(
        help="As its clients name it: a session, a user, an API key. `-` reads it from standard input."
    ),
]


def forget(
    subject: Subject,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what there is, and delete nothing.")
    ] = False,
    with_older: Annotated[
        bool, typer.Option("--with-older", help="Delete the older interactions of others before them, too.")
    ] = False,
    salt: Annotated[
        list[str] | None,
        typer.Option(help="A router's `default_salt`, of the time without a rollout; again for more."),
    ] = None,
    file: ProjectFile = FILE,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Delete what one subject asked and was answered, and say what else there is of it and when that goes.

    Kafka deletes a partition from its beginning only, so that `--with-older` has to allow the older interactions of
    others in it to go too. Scores keep the subject's digest until their retention ends; `--dry-run` tells.

    Example: `belay forget session-4711 --dry-run`
    """
    from belay.steps.forget import account, delete_early
    from telemetry import topics
    from telemetry.bus.kafka_bus import KafkaBus

    project = load_project(file)
    bus = KafkaBus(project.bus())
    # A key on a command line is there for everybody on the machine to read.
    named = sys.stdin.readline().strip() if subject == "-" else subject
    default = project.router.get("default_salt") or project.router.get("router_id") or "router-1"
    found = account(bus, named, bus.settings.topics, [default, *(salt or [])])
    if not dry_run:
        delete_early(
            found, lambda behind: bus.delete_before(topics.INTERACTIONS, behind), with_older=with_older
        )
    if as_json:
        told = {"deleted": not dry_run, "topics": found.rows(), "others_deleted": found.others}
        typer.echo(json.dumps(told, indent=2))
    else:
        _tell(found, deleted=not dry_run)


def _tell(found: Account, *, deleted: bool) -> None:
    from telemetry import topics

    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("topic", "records", "gone by", "what they hold"):
        table.add_column(title, overflow="fold")
    for row in found.rows():
        gone = "now" if deleted and row["topic"] == topics.INTERACTIONS else row["gone_by"] or ""
        table.add_row(row["topic"], str(row["records"]), gone, row["what"])
    console = console_of()
    console.print(table)
    verb = "went" if deleted else "would go"
    console.print(f"With its interactions {verb} {found.others} older ones of others in the same partitions.")
    console.print(
        "Files are not Kafka: spools, kept items of `belay map` and training data stand in docs/telemetry.md."
    )
