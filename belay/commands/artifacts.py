"""`belay artifacts`: models, baselines, audits and taggers shared with other machines, by a store at a URL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from belay.commands.options import HOME, HomeFolder
from belay.progress import console_of

if TYPE_CHECKING:
    from belay.steps.artifacts import Moving

ARTIFACT_COMMANDS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Share models, baselines, audits and taggers with other machines, by a store at a URL.\n\n"
    "Example: `belay artifacts push models/mine --store s3://bucket/belay`",
)
What = Annotated[
    list[str],
    typer.Argument(
        metavar="KIND/NAME...",
        help="Such as models/mine, audits/mine, baselines: a kind alone is every one of it.",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="BELAY_ARTIFACTS",
        help="Its URL (file, s3, gs, az) or path; otherwise `artifacts` of belay.yaml.",
    ),
]
LimitGb = Annotated[float, typer.Option("--limit-gb", min=0.001, help="The largest artefact, in GB.")]
LIMIT_GB = 200.0


@ARTIFACT_COMMANDS.command()
def push(
    what: What,
    store: Store = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what the store has by a name.")] = False,
    limit_gb: LimitGb = LIMIT_GB,
    home: HomeFolder = HOME,
) -> None:
    """Send artefacts of the home to the store. What is there already is not sent again.

    Example: `belay artifacts push models/mine audits/mine baselines`
    """
    from belay.steps import artifacts

    artifacts.push(_moving(store, home, limit_gb, replace=replace), what)


@ARTIFACT_COMMANDS.command()
def pull(
    what: What,
    store: Store = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what the home has by a name.")] = False,
    limit_gb: LimitGb = LIMIT_GB,
    home: HomeFolder = HOME,
) -> None:
    """Bring artefacts of the store into the home, each compared with its hashes before it appears, whole.

    Example: `belay artifacts pull models/mine baselines --store s3://bucket/belay` or, where another machine told
    the hash, `belay artifacts pull models/mine@4f3a1b9c2d5e`
    """
    from belay.steps import artifacts

    artifacts.pull(_moving(store, home, limit_gb, replace=replace), what)


@ARTIFACT_COMMANDS.command("list")
def list_artifacts(
    store: Store = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the artefacts of the store: hash, files, size, and when each was pushed.

    Example: `belay artifacts list --store s3://bucket/belay --json`
    """
    from belay.steps import artifacts

    place = artifacts.store_at(store)
    found, broken = artifacts.listed(place)
    if as_json:
        shown = [one.model_dump(mode="json", exclude={"files"}) | {"bytes": one.size} for one in found]
        typer.echo(json.dumps({"store": place.url, "artifacts": shown}, indent=2))
    elif found:
        console_of().print(artifacts.artifacts_table(found))
    else:
        console_of().print(f"   {place.url} has no artefact yet", markup=False)
    if broken:
        raise broken[0]


def _moving(store: str | None, home: Path, limit_gb: float, *, replace: bool) -> Moving:
    from belay.steps import artifacts

    limit = int(limit_gb * 1e9)
    return artifacts.Moving(home.resolve(), artifacts.store_at(store), console_of(), replace, limit)
