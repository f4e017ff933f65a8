"""How far long work is, for whoever has no terminal to see a bar in."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from belay import progress
from belay.progress import Lines, bar


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_line_tells_count_elapsed_left_and_note(clock: Clock) -> None:
    lines = Lines("   training", 30.0, clock)
    assert lines.due(0, 40, "loading torch") is None
    clock.now += 60
    assert lines.due(10, 40, "loss 1.250, 0.17 steps/s") == (
        "   training            10/40  0:01:00 left 0:03:00  loss 1.250, 0.17 steps/s"
    )


def test_there_is_one_line_in_so_many_seconds_however_often_work_reports(clock: Clock) -> None:
    lines, shown = Lines("work", 30.0, clock), []
    for done in range(300):
        shown.append(lines.due(done, 1000, ""))
        clock.now += 1
    assert len([line for line in shown if line]) == 9


def test_work_that_is_soon_over_shows_no_line(clock: Clock) -> None:
    lines = Lines("work", 30.0, clock)
    clock.now += 29
    assert lines.due(3, 4, "") is None
    clock.now += 29
    assert lines.due(4, 4, "") is None


def test_the_time_left_counts_from_what_was_there_at_the_first_report(clock: Clock) -> None:
    lines = Lines("baseline", 30.0, clock)
    clock.now += 100
    lines.due(500, 600, "")
    clock.now += 40
    line = lines.due(520, 600, "")
    assert line is not None
    assert "520/600  0:02:20 left 0:02:40" in line


def test_what_has_no_known_end_tells_what_is_done(clock: Clock) -> None:
    lines = Lines("reading", 30.0, clock)
    clock.now += 31
    assert lines.due(7, 0, "") == f"{'reading':<22} 7  0:00:31"


@pytest.mark.parametrize("terminal", [True, False])
def test_lines_are_for_those_without_a_terminal(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "Lines", lambda label: Lines(label, 0.0))
    written = StringIO()
    with bar(Console(file=written, force_terminal=terminal, width=140), "   work") as report:
        report(1, 3, "loss [3.2]")
        report(3, 3, "done")
    assert ("1/3  0:00:00  loss [3.2]\n" in written.getvalue()) is not terminal
    assert "3/3" in written.getvalue()
