"""What a person may ask for: exactly what would change something."""

from __future__ import annotations

import pytest

from router.control.board.shown import actions
from router.control.rollout import TABLE, RollBack
from telemetry.events import Status
from tests.router.values import NOON, promoted, rolled_back, started


@pytest.mark.parametrize("status", list(TABLE))
def test_a_rollback_is_offered_exactly_where_it_changes_something(status: Status) -> None:
    possible = {
        s for s, rows in TABLE.items() if RollBack in rows and "rolled_back" in rows[RollBack].leads_to
    }
    offered = actions(started().model_copy(update={"status": status}), NOON)
    assert ("rollback" in offered) == (status in possible - {"rolled_back"})


def test_what_would_change_nothing_is_not_offered() -> None:
    full = promoted(started(shares=(0.5,)))
    assert actions(started(), NOON) == ("rollback", "pause", "promote")
    assert actions(full, NOON) == ("rollback", "close")
    assert actions(rolled_back(started()), NOON) == ()
