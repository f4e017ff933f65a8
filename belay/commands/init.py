"""`belay init`: the file from which everything else is made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from belay.commands.completing import models
from belay.commands.options import HOME, HomeFolder, ProjectFile
from belay.progress import console_of
from belay.project import FILE, Ports
from belay.steps.init import asked, look_around, project_text, proposals, write_project


def init(
    file: ProjectFile = FILE,
    home: HomeFolder = HOME,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take what is found.")] = False,
    route: Annotated[str | None, typer.Option(help="The model's name that clients ask for.")] = None,
    base: Annotated[
        str | None, typer.Option(help="The base, a model in the home.", autocompletion=models("base"))
    ] = None,
    candidate: Annotated[
        str | None,
        typer.Option(
            help="The candidate, a model in the home.", autocompletion=models("candidate", "adapter")
        ),
    ] = None,
    brief: Annotated[Path | None, typer.Option(help="The capability brief.")] = None,
    broker: Annotated[str | None, typer.Option(help="`embedded`, or host:port.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write belay.yaml by asking, or with --yes from what is found: models, briefs, a broker, GPUs.

    Example: `belay init --yes --route support --base my-base`
    """
    console, folder = console_of(), file.resolve().parent
    found = look_around(folder, home.resolve() / "models")
    given = {
        "route": route, "base": base, "candidate": candidate, "broker": broker, "brief": str(brief) if brief else None
    }  # fmt: skip
    said = {name: value for name, value in given.items() if value is not None}
    for what, names in (("bases", found.bases), ("candidates", found.candidates), ("briefs", found.briefs)):
        console.print(f"   {what}: {', '.join(names) or 'none yet'}")
    console.print(f"   broker: {found.broker}; GPUs: {', '.join(found.gpus) or 'none'}")
    if yes:
        answers = proposals(found, str(home))
    else:
        answers = asked(
            found, str(home), lambda question, known: typer.prompt(f"   {question}", default=known)
        )
    text = project_text(answers | said, found, Ports().model_dump())
    if force:
        file.unlink(missing_ok=True)
    write_project(file, text)
    console.print(f"   {file} is written. Next: `belay doctor`, which says what is missing.")
