"""What a decision asks of the current rollout."""

from __future__ import annotations

import pytest

from router.control.deciding import event_for
from router.control.rollout import Hold, Promote, RollBack
from telemetry.events import Allotment
from tests.router.values import decision, promoted, started


def test_roll_back_acts_in_whatever_stage_it_was_decided() -> None:
    asked = event_for(decision("roll_back", stage=0), promoted(started()))
    assert isinstance(asked, RollBack)


def test_promote_acts_in_its_own_stage_only() -> None:
    assert isinstance(event_for(decision("promote", stage=0), started()), Promote)
    assert event_for(decision("promote", stage=0), promoted(started())) == (
        "it was made in stage 0, the rollout is in 1"
    )


@pytest.mark.parametrize("policy", ["evidence", "schedule"])
def test_promote_acts_where_the_policy_lets_the_machine(policy: str) -> None:
    assert isinstance(event_for(decision("promote"), started(advance=policy)), Promote)


def test_promote_is_left_to_people_where_the_policy_is_manual_but_roll_back_is_not() -> None:
    assert event_for(decision("promote"), started(advance="manual")) == "this rollout is promoted by hand"
    assert isinstance(event_for(decision("roll_back"), started(advance="manual")), RollBack)


def test_a_decision_about_another_rollout_asks_nothing() -> None:
    assert event_for(decision(rollout_id="r0"), started()) == "it is about another rollout"
    assert event_for(decision(), None) == "it is about another rollout"


def test_a_hold_says_where_the_next_shadows_go() -> None:
    allotment = Allotment(settled=200, by_capability={"sums": 0.5}, otherwise=0.1)
    asked = event_for(decision("hold", allotment=allotment), started())
    assert isinstance(asked, Hold)
    assert asked.allotment == allotment
