"""How commands read a capability brief: what was left out of it is said, where people see it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from evaluator.briefs.brief import LoadedBrief, load_brief


def read_brief(path: Path) -> LoadedBrief:
    """The brief, its warnings told on standard error. Raises BriefError that tells everything that is wrong."""
    loaded = load_brief(path)
    if loaded.warnings:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        for line in loaded.warnings:
            console.print(f"[yellow]warning:[/] {escape(line)}")
    return loaded
