"""The commands about the watch itself: plan before launch, drill, replay a decision."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from belay.commands.options import BaseName
from belay.home import home_at
from belay.progress import console_of
from belay.steps.stages import STAGES

BriefArgument = Annotated[Path, typer.Argument(help="The capability brief.")]
HomeOption = Annotated[Path, typer.Option("--home", help="Where baselines lie: they give each base rate.")]
StagesOption = Annotated[
    str, typer.Option(help="share:interactions, comma separated; the last stage needs no number.")
]

_BRIEF = Path("examples/support/brief.yaml")
_HOME = Path(".belay")


def plan(
    brief: BriefArgument = _BRIEF,
    rate: Annotated[str, typer.Option(help="Interactions a second, as 40 or 40/s.")] = "40/s",
    stages: StagesOption = STAGES,
    shadow: Annotated[float, typer.Option(min=0.0, max=1.0, help="Fraction answered by both arms.")] = 0.1,
    simulate: Annotated[bool, typer.Option(help="Check 10-point drops by simulation (a minute).")] = False,
    picture: Annotated[Path | None, typer.Option(help="Write the plot to this PNG file.")] = None,
    home: HomeOption = _HOME,
    base: BaseName = None,
) -> None:
    """Before launch: how long a drop lives in each capability, what it costs, what shadow pairs buy.

    Example: `belay plan brief.yaml --rate 40/s --shadow 0.1`
    """
    from belay.steps.plan import show_plan

    show_plan(
        brief, rate, stages, shadow, home_at(home, base), console_of(), simulate=simulate, picture=picture
    )


def drill(
    brief: BriefArgument = _BRIEF,
    runs: Annotated[int, typer.Option(min=1, help="Rollouts simulated for each planted drop.")] = 50,
    horizon: Annotated[int, typer.Option(min=100, help="Interactions of a rollout at most.")] = 5000,
    stages: StagesOption = STAGES,
    shadow: Annotated[float, typer.Option(min=0.0, max=1.0, help="Fraction answered by both arms.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed.")] = 7,
    report: Annotated[Path | None, typer.Option("--json", help="Write the report to this file too.")] = None,
    home: HomeOption = _HOME,
    base: BaseName = None,
) -> None:
    """Run A/A and planted regressions through the watch: how often it fires, and after how long.

    Example: `belay drill brief.yaml --runs 20 --stages 50%`
    """
    from belay.steps.plan import show_drill

    show_drill(
        brief,
        stages,
        shadow,
        home_at(home, base),
        console_of(),
        runs=runs,
        horizon=horizon,
        seed=seed,
        report_file=report,
    )


def replay(
    decision: Annotated[str, typer.Argument(help="A decision's event id, or a proof file.")],
    bootstrap_servers: Annotated[str, typer.Option(help="The broker that holds it.")] = "127.0.0.1:9092",
    export: Annotated[Path | None, typer.Option(help="Write the proof to this file.")] = None,
) -> None:
    """Reproduce a decision from Kafka or from a proof file. Status 0 where it is the same byte for byte.

    Example: `belay replay DECISION --bootstrap-servers kafka:9092 --export proof.json` or `belay replay proof.json`
    """
    from belay.steps.plan import replay_decision

    raise typer.Exit(0 if replay_decision(decision, bootstrap_servers, export, console_of()) else 1)
