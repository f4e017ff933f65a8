"""Progress on the terminal: a bar with rate and time left for whatever takes longer than a few seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

Report = Callable[[int, int, str], None]
"""Called with (done, total, note); a total of 0 means that nobody knows."""


def console_of() -> Console:
    """Standard output; where it is no terminal, lines have room, because nobody's window cuts them."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=140)


@contextmanager
def bar(console: Console, label: str, total: int = 0) -> Iterator[Report]:
    """Show a bar while the block runs; the block reports through what it is given."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", table_column=Column(overflow="ellipsis", no_wrap=True)),
    )
    with Progress(*columns, console=console, refresh_per_second=4) as progress:
        task = progress.add_task(label, total=total or None, note="")

        def report(done: int, of: int, note: str = "") -> None:
            progress.update(task, completed=done, total=of or None, note=note)

        yield report
        shown = progress.tasks[0]
        if shown.total is None:
            progress.update(task, total=1, completed=1)
