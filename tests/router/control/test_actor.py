"""Control's hands: what a decision or a person asks for becomes the next state, in the file first."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from router.control.actor import Control, event_for
from router.control.rollout import Promote, RollBack
from telemetry.errors import InfrastructureError, TransitionRefused
from telemetry.events import DecisionMade
from telemetry.rollout_file import read_rollout, write_rollout
from tests.router.values import NOON, decision, journal, promoted, spec, started

# --- what a decision asks --------------------------------------------------------------------------


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


# --- acting ----------------------------------------------------------------------------------------


def test_a_start_is_in_the_file_at_once(control: Control, tmp_path: Path) -> None:
    state = control.start(spec())
    assert read_rollout(tmp_path / "rollout.json") == state
    assert list(control.outbox) == [state]


def test_a_decision_is_applied_once_and_journalled_with_its_times(control: Control, tmp_path: Path) -> None:
    control.start(spec())
    made = decision()
    before = time.time_ns()
    control.decide(made)
    control.decide(made)
    file = read_rollout(tmp_path / "rollout.json")
    assert file is not None
    assert (file.status, file.share, file.decision_id) == ("rolled_back", 0.0, made.event_id)
    (line,) = journal(tmp_path)
    assert (line["decision_id"], line["outcome"], line["revision"]) == (made.event_id, "applied", 2)
    assert before <= line["read_at"] <= line["applied_at"] <= time.time_ns()


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        (decision("hold"), "unchanged"),
        (decision("promote", stage=7), "ignored: it was made in stage 7"),
        (decision("roll_back", rollout_id="other"), "ignored: it is about another rollout"),
    ],
)
def test_a_decision_that_changes_nothing_says_why_in_the_journal(
    control: Control, tmp_path: Path, made: DecisionMade, outcome: str
) -> None:
    state = control.start(spec())
    control.decide(made)
    assert control.current is state
    assert journal(tmp_path)[0]["outcome"].startswith(outcome)


def test_a_promotion_of_a_rolled_back_rollout_is_refused_and_journalled(
    control: Control, tmp_path: Path
) -> None:
    control.start(spec())
    control.decide(decision("roll_back"))
    control.decide(decision("promote"))
    assert control.current is not None
    assert control.current.status == "rolled_back"
    assert journal(tmp_path)[1]["outcome"].startswith("refused: Promote of rollout 'r1'")


def test_a_file_that_cannot_be_written_leaves_the_state_as_it_was(control: Control, tmp_path: Path) -> None:
    state = control.start(spec())
    (tmp_path / "rollout.json").unlink()
    (tmp_path / "rollout.json").mkdir()
    made = decision()
    with pytest.raises(InfrastructureError, match="cannot write the rollout's state"):
        control.decide(made)
    assert control.current is state
    (tmp_path / "rollout.json").rmdir()
    control.decide(made)
    assert control.current.status == "rolled_back"


def test_a_file_with_a_newer_state_is_never_overwritten(control: Control, tmp_path: Path) -> None:
    control.start(spec())
    newer = promoted(promoted(promoted(started())))
    write_rollout(tmp_path / "rollout.json", newer)
    with pytest.raises(InfrastructureError, match="holds a newer state than 'r1' at revision 2"):
        control.act("r1", Promote("ada", "unaware of the other control"))
    assert read_rollout(tmp_path / "rollout.json") == newer


def test_a_broken_rollout_file_is_replaced_by_the_next_transition(tmp_path: Path) -> None:
    file = tmp_path / "rollout.json"
    file.write_text("{", encoding="utf-8")
    control = Control(file, tmp_path / "control.jsonl")
    assert control.current is None
    state = control.start(spec())
    assert read_rollout(file) == state


def test_the_rollback_window_closes_by_itself(tmp_path: Path) -> None:
    now = NOON

    def clock() -> datetime:
        return now

    control = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl", clock)
    control.start(spec((0.5,)))
    control.act("r1", Promote("ada", "good"))
    control.expire()
    assert control.current is not None
    assert control.current.status == "promoted"
    now += timedelta(days=30)
    control.expire()
    assert (control.current.status, control.current.share) == ("closed", 0.98)


def test_one_rollout_at_a_time_and_each_id_once(control: Control) -> None:
    control.start(spec())
    with pytest.raises(TransitionRefused, match="'r1' is ramping"):
        control.start(spec(rollout_id="r2"))
    control.act("r1", RollBack("ada", "enough"))
    with pytest.raises(TransitionRefused, match="there has been one by that id"):
        control.start(spec())
    assert control.start(spec(rollout_id="r2")).revision == 1
