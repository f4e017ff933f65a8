"""`belay control`: the rollout's state, and the tokens of those who may change it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from belay.lazy import Entry, lazy
from belay.logs import log_to_stderr
from telemetry.errors import UsageError
from telemetry.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from belay.steps.page_forms import PageDrafting
    from router.control.api import Forms
    from router.control.drafting_api import Choices, DraftAsked, Drafted
    from router.control.planning import Found, PlanAsked
    from router.control.review_api import Find, Reviewing
    from router.control.settings import ControlSettings
    from telemetry.bus.protocols import Bus

CONTROL_COMMANDS = typer.Typer(
    cls=lazy(
        {
            "token": Entry(
                "belay.commands.control_token:TOKEN_COMMANDS",
                None,
                "Make, list and revoke the tokens by which control knows who asks.",
            )
        }
    ),
    invoke_without_command=True,
    rich_markup_mode="markdown",
)


@CONTROL_COMMANDS.callback()
def control(
    ctx: typer.Context,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            help="A YAML file (the demo leaves one in its run's folder); unknown keys are errors.",
        ),
    ] = None,
) -> None:
    """Hold the rollout's state: the control API, and the loop that acts on decisions.

    Example: `belay control --settings .belay/runs/route-support/control.yaml`
    """
    if ctx.invoked_subcommand is not None:
        return
    from router.control.app import run_control
    from router.control.settings import ControlSettings

    if settings is None:
        raise UsageError(
            "Missing option '--settings'",
            hint="`belay up control` runs it as belay.yaml has it, without one.",
        )
    log_to_stderr()
    found = load_settings(settings, ControlSettings)
    run_control(found, _reviewing, _forms(found))


def _reviewing(bus: Bus, find: Find) -> Reviewing:
    """Who knows which answers people are shown; loaded when somebody asks."""
    from evaluator.judge.reviewing.serving import Reviews

    return Reviews(bus, find)


class _Planner:
    """A planner that is loaded when it is first asked: it stands on scipy, and control has to be there at once."""

    def stages(self, text: str) -> tuple[tuple[float, int], ...]:
        """As `PagePlanner` has it."""
        from belay.steps.page_forms import PagePlanner

        return PagePlanner().stages(text)

    def forecast(self, asked: PlanAsked, drops: Sequence[float]) -> tuple[Found, ...]:
        """As `PagePlanner` has it."""
        from belay.steps.page_forms import PagePlanner

        return PagePlanner().forecast(asked, drops)


class _Drafting:
    """Drafts by what is loaded when somebody first asks."""

    def __init__(self, home: Path, brief: Path) -> None:
        self._home, self._brief = home, brief

    def choices(self) -> Choices:
        """As `PageDrafting` has it."""
        return self._drafting().choices()

    def draft(self, asked: DraftAsked, by: str) -> Drafted:
        """As `PageDrafting` has it."""
        return self._drafting().draft(asked, by)

    def _drafting(self) -> PageDrafting:
        from belay.commands.options import ALIAS
        from belay.home import Home
        from belay.steps.page_forms import PageDrafting

        return PageDrafting(Home(self._home), self._brief, ALIAS)


def _forms(settings: ControlSettings) -> Forms:
    """What stands behind the page's forms: drafts only where a brief and a home are known."""
    from router.control.api import Forms

    home, models = settings.home, settings.models_folder
    if home is None and models is not None:
        home = models.parent
    if settings.brief is None or home is None:
        return Forms(_Planner(), None)
    return Forms(_Planner(), _Drafting(home, settings.brief))
