"""Outcomes in a file: what makes the long drills ones that may be run piece by piece."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.drills import results
from tests.drills.killing import kills_in_series
from tests.drills.scenario import Outcome
from tests.drills.test_scenario import WELL

HELD = Outcome("kill -9, series 1", 100, 300.5, WELL, notes=("so many",))
FAILED = replace(HELD, scenario="kill -9, series 2", wrong=("1 folded twice",))
SKIPPED = Outcome("a disk", 0, 0.0, None, skipped="no disk can be mounted")


def test_outcomes_are_read_back_as_they_were_added(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    assert results.read(file) == []
    for one in (HELD, FAILED, SKIPPED):
        results.add(file, one)
    assert results.read(file) == [HELD, FAILED, SKIPPED]


def test_only_what_held_is_not_run_again_and_the_last_outcome_counts() -> None:
    assert results.held([HELD, FAILED, SKIPPED]) == {HELD.scenario}
    again = replace(FAILED, wrong=())
    assert results.latest([FAILED, HELD, again]) == [again, HELD]


def test_kills_in_series_are_as_many_together_and_have_names_of_their_own() -> None:
    dealt = kills_in_series(23, 4, (0.1, 0.2))
    assert [int(one.name.split()[2]) for one in dealt] == [6, 6, 6, 5]
    assert len({one.name for one in dealt}) == 4
    assert len(kills_in_series(3, 10, (0.1, 0.2))) == 3
