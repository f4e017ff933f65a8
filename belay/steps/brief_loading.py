"""How commands read a capability brief: what was left out of it is said, where people see it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from belay.project import FILE, load_project
from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.briefs.judges import NO_JUDGES, Judges


def judges_here() -> Judges:
    """Where judges answer that briefs know by name, as belay.yaml has it where one lies here. Raises SettingsError."""
    return load_project(FILE).judges if FILE.is_file() else NO_JUDGES


def read_brief(path: Path, judges: Judges | None = None) -> LoadedBrief:
    """The brief, its warnings told on standard error. Raises BriefError that tells everything that is wrong.

    `judges` of None are those of `judges_here`.
    """
    loaded = load_brief(path, judges_here() if judges is None else judges)
    if loaded.warnings:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        for line in loaded.warnings:
            console.print(f"[yellow]warning:[/] {escape(line)}")
    return loaded
