"""Progress on the terminal: a bar with rate and time left for whatever takes longer than a few seconds.

Where there is no terminal, a log gets a line every now and then, so that whoever follows it sees that work goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

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

LINE_EVERY_S: Final = 30.0
"""How often work says how far it is where there is no terminal."""


def console_of() -> Console:
    """Standard output; where it is no terminal, lines have room, because nobody's window cuts them."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=140)


class Lines:
    """How far work is as lines of text, at most one in `every_s` seconds; none of work that is over before that."""

    def __init__(
        self, label: str, every_s: float = LINE_EVERY_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._label, self._every_s, self._clock = label, every_s, clock
        self._began = self._last = clock()
        self._first: tuple[float, int] | None = None

    def due(self, done: int, of: int, note: str) -> str | None:
        """The line to show now, None where the last one is not old enough. A total of 0 is not known."""
        at = self._clock()
        if self._first is None and done < of:
            self._first = (at, done)
        if at - self._last < self._every_s or done >= of > 0:
            return None
        self._last = at
        count = f"{done}/{of}" if of else str(done)
        parts = [f"{self._label:<22} {count}", f"{_clock(at - self._began)}{self._left(at, done, of)}", note]
        return "  ".join(part for part in parts if part)

    def _left(self, at: float, done: int, of: int) -> str:
        """From the rate since the first report: what was there before, such as kept answers, took no time."""
        if self._first is None or done <= self._first[1]:
            return ""
        began, before = self._first
        return f" left {_clock((at - began) / (done - before) * (of - done))}"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


@contextmanager
def bar(console: Console, label: str, total: int = 0) -> Iterator[Report]:
    """Show a bar while the block runs; the block reports through what it is given.

    Without a terminal the bar is shown once, at the end, and until then there are `Lines`.
    """
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
        task, lines = progress.add_task(label, total=total or None, note=""), Lines(label)

        def report(done: int, of: int, note: str = "") -> None:
            progress.update(task, completed=done, total=of or None, note=note)
            if not console.is_terminal and (line := lines.due(done, of, note)):
                console.print(line, markup=False, soft_wrap=True)

        yield report
        shown = progress.tasks[0]
        if shown.total is None:
            progress.update(task, total=1, completed=1)
