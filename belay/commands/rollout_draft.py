"""`belay rollout draft`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from belay.commands.completing import models
from belay.commands.options import ALIAS, BRIEF, HOME, BriefFile, HomeFolder
from belay.home import Home
from belay.progress import console_of
from belay.steps.stages import STAGES
from telemetry.errors import UsageError
from telemetry.events import DEFAULT_ROUTE

if TYPE_CHECKING:
    from evaluator.watch.planning.graded import GradedJudges


class Policy(str, Enum):  # noqa: UP042 - typer shows a StrEnum's members in upper case
    """Who promotes a stage."""

    manual = "manual"
    schedule = "schedule"
    evidence = "evidence"


def draft(
    ctx: typer.Context,
    candidate: Annotated[
        str,
        typer.Argument(
            help="The candidate's name, as it was trained and audited.",
            autocompletion=models("candidate", "adapter"),
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("rollout.yaml"),
    home: HomeFolder = HOME,
    brief: BriefFile = BRIEF,
    model: Annotated[str, typer.Option("--model", help="The name that clients ask for.")] = ALIAS,
    route: Annotated[
        str,
        typer.Option(help="The router's route that it runs on: a model's public name, where it has routes."),
    ] = DEFAULT_ROUTE,
    stages: Annotated[
        str,
        typer.Option(help="share:units before the next stage, comma separated; the last needs no number."),
    ] = STAGES,
    advance: Annotated[
        Policy, typer.Option(help="Who promotes: a person, enough units, or proof in every capability.")
    ] = Policy.evidence,
    shadow: Annotated[float, typer.Option(min=0.0, max=1.0, help="Fraction answered by both arms.")] = 0.1,
    override_by: Annotated[str, typer.Option(help="Your name, where its audit did not pass.")] = "",
    override_reason: Annotated[str, typer.Option(help="Why it may go out all the same.")] = "",
    grades: Annotated[
        str | None,
        typer.Option(
            "--grades",
            help="What people's grades say of the judges: a file of `belay review --report --json`, or the rollout "
            "whose grades the broker of belay.yaml holds.",
        ),
    ] = None,
    people: Annotated[
        bool,
        typer.Option(
            "--people",
            help="What people grade during the rollout (`belay review --pairs`) is part of its evidence.",
        ),
    ] = False,
    most_of_key: Annotated[
        float | None,
        typer.Option(
            "--most-of-key",
            min=0.01,
            max=1.0,
            help="Fraction of the evidence that one API key's traffic may be; without it all.",
        ),
    ] = None,
) -> None:
    """Write a rollout's file from the models, their audit, the brief and the baseline, to read before `start`.

    Example: `belay rollout draft support-2 --stages 5%:2000,25%:4000,50%`
    """
    from belay.steps.rollout_draft import draft as made
    from belay.steps.rollout_draft import terms_lines, unbounded_keys, write_draft

    said = _of_route(ctx, route)
    spec = made(
        Home(home.resolve()),
        said.get("brief", brief),
        candidate,
        alias=said.get("model", model),
        stages=said.get("stages", stages),
        advance=said.get("advance", advance.value),
        shadow=said.get("shadow", shadow),
        override_by=override_by,
        override_reason=override_reason,
        grades=None if grades is None else _graded(grades),
        people=people,
        most_of_key=most_of_key,
        route=route,
        say=lambda line: console_of().print(line, markup=False),
    )
    write_draft(out, spec)
    for line in terms_lines(spec):
        console_of().print(line)
    if (open_to := unbounded_keys(spec, keys_wanted=_keys_wanted())) is not None:
        console_of().print(open_to, markup=False)
    console_of().print(f"{out} has rollout {spec.rollout_id}. Start it: `belay rollout start {out}`.")


def _keys_wanted() -> bool:
    """Whether the router of the belay.yaml that lies here lets nobody in without an API key."""
    from belay.project import FILE, load_project

    return FILE.is_file() and load_project(FILE).keys_wanted


def _of_route(ctx: typer.Context, route: str) -> dict[str, Any]:
    """What the belay.yaml that lies here says of this one of its routes, and nobody typed otherwise."""
    from belay.project import FILE, defaults_of_route, load_project

    if not FILE.is_file():
        return {}
    typed = {
        name
        for name in ctx.params
        if (source := ctx.get_parameter_source(name)) and source.name == "COMMANDLINE"
    }
    said = defaults_of_route(load_project(FILE), route)
    return {name: value for name, value in said.items() if name not in typed}


def _graded(named: str) -> GradedJudges:
    """The grades in a file, or those of a rollout in the log. Raises UsageError where it is neither."""
    from evaluator.watch.planning.graded_terms import read_grades

    if Path(named).is_file():
        return read_grades(Path(named))
    from belay.project import FILE, load_project
    from belay.steps.review import report
    from belay.wiring import bus_of

    if not FILE.is_file():
        raise UsageError(
            f"there is no file {named}, and no {FILE} that names a broker with the grades of a rollout {named}",
            hint="Write a file: `belay review --report --json`.",
        )
    return report(bus_of(load_project(FILE)), named, console_of())[1]
