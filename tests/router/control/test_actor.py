"""Control's hands: what a decision or a person asks for becomes the next state, in the file first."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from router.control.actor import Control, StaleRevision, UnknownRollout
from router.control.rollout import Close, Pause, Promote, Resume, RollBack
from telemetry.errors import InfrastructureError, TransitionRefused
from telemetry.events import STAGE_DONE, Allotment, Blind, DecisionMade, RolloutChanged, Stage
from telemetry.rollout_file import read_rollout, write_rollout
from tests.router.values import NOON, decision, journal, promoted, rolled_back, spec, started


def test_a_change_is_logged_with_the_ids_of_rollout_and_decision(
    control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    control.start(spec())
    made = decision()
    control.decide(made)
    start, rollback = (vars(r) for r in caplog.records if r.message.startswith("rollout r1 is"))
    assert start["rollout_id"] == rollback["rollout_id"] == "r1"
    assert "decision_id" not in start
    assert rollback["decision_id"] == made.event_id


# --- acting ------------------------------------------------------------------------------------------


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
    assert control.current() is state
    assert journal(tmp_path)[0]["outcome"].startswith(outcome)


def test_a_promotion_of_a_rolled_back_rollout_is_refused_and_journalled(
    control: Control, tmp_path: Path
) -> None:
    control.start(spec())
    control.decide(decision("roll_back"))
    control.decide(decision("promote"))
    assert control.current() is not None
    assert control.current().status == "rolled_back"
    assert journal(tmp_path)[1]["outcome"].startswith("refused: Promote of rollout 'r1'")


def test_a_file_that_cannot_be_written_leaves_the_state_as_it_was(control: Control, tmp_path: Path) -> None:
    state = control.start(spec())
    (tmp_path / "rollout.json").unlink()
    (tmp_path / "rollout.json").mkdir()
    made = decision()
    with pytest.raises(InfrastructureError, match="cannot write the rollout's state"):
        control.decide(made)
    assert control.current() is state
    (tmp_path / "rollout.json").rmdir()
    control.decide(made)
    assert control.current().status == "rolled_back"


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
    assert control.current() is None
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
    assert control.current() is not None
    assert control.current().status == "promoted"
    now += timedelta(days=30)
    control.expire()
    assert (control.current().status, control.current().share) == ("closed", 0.98)


def test_one_rollout_at_a_time_and_each_id_once(control: Control) -> None:
    control.start(spec())
    with pytest.raises(TransitionRefused, match="'r1' is ramping"):
        control.start(spec(rollout_id="r2"))
    control.act("r1", RollBack("ada", "enough"))
    with pytest.raises(TransitionRefused, match="there has been one by that id"):
        control.start(spec())
    assert control.start(spec(rollout_id="r2")).revision == 1


def test_a_promotion_that_a_person_was_quicker_with_is_not_made_on_top_of_theirs(
    control: Control, tmp_path: Path
) -> None:
    control.start(spec())
    by_hand = control.act("r1", Promote("ada", "sooner"))
    control.decide(decision("promote", stage=0))
    assert control.current() is by_hand
    assert [line["outcome"].split(":")[0] for line in journal(tmp_path)] == ["applied", "ignored"]


def test_an_older_hold_that_is_read_again_does_not_move_the_shadows_back(control: Control) -> None:
    control.start(spec())
    older, newer = (Allotment(settled=n, by_capability={"sums": n / 1000}, otherwise=0.0) for n in (200, 400))
    for allotment in (older, newer, older):
        control.decide(decision("hold", allotment=allotment))
    assert control.current() is not None
    assert (control.current().allotment, control.current().revision) == (newer, 3)


def test_a_rollout_whose_window_has_passed_keeps_its_subjects_until_it_is_closed_by_hand(
    tmp_path: Path,
) -> None:
    moment = NOON
    control = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl", lambda: moment)
    control.start(spec((0.5,)))
    control.act("r1", Promote("ada", "good"))
    moment += timedelta(days=30)
    control.expire()
    with pytest.raises(TransitionRefused, match="'r1' is closed and its candidate has 98% of subjects"):
        control.start(spec(rollout_id="r2"))
    control.act("r1", Close("ada", "control serves it now"))
    assert control.start(spec(rollout_id="r2")).revision == 1


def test_of_two_who_change_one_revision_the_second_is_refused_with_what_the_first_did(
    control: Control,
) -> None:
    seen = control.start(spec()).revision
    control.act("r1", Pause("ada", "a look"), seen)
    with pytest.raises(StaleRevision, match="it is paused at stage 0, revision 2, by ada: a look"):
        control.act("r1", Promote("bob", "onwards"), seen)
    with pytest.raises(StaleRevision):
        control.act("r1", Pause("bob", "me too"), 9)
    assert control.rollout("r1").revision == 2


def test_a_rollback_is_never_too_late(control: Control) -> None:
    seen = control.start(spec()).revision
    control.act("r1", Promote("ada", "onwards"), seen)
    assert control.act("r1", RollBack("bob", "enough"), seen).status == "rolled_back"


def test_shadows_that_moved_make_no_revision_stale(control: Control) -> None:
    seen = control.start(spec()).revision
    for settled in (200, 400):
        allotment = Allotment(settled=settled, by_capability={"sums": settled / 1000}, otherwise=0.0)
        control.decide(decision("hold", allotment=allotment))
    assert control.act("r1", Promote("ada", "onwards"), seen).stage == 1
    with pytest.raises(StaleRevision):
        control.act("r1", Promote("bob", "onwards"), seen)


def test_a_revision_of_before_a_restart_may_be_changed_where_it_is_the_last(tmp_path: Path) -> None:
    place = (tmp_path / "rollout.json", tmp_path / "control.jsonl")
    seen = Control(*place).start(spec()).revision
    assert Control(*place).act("r1", Promote("ada", "onwards"), seen).stage == 1


def test_a_promotion_asks_nothing_of_a_paused_rollout_and_a_rollback_acts(control: Control) -> None:
    control.start(spec())
    control.act("r1", Pause("ada", "a look"))
    control.decide(decision("promote", stage=0))
    assert control.rollout("r1").status == "paused"
    control.decide(decision("roll_back"))
    assert control.rollout("r1").status == "rolled_back"


class Moving:
    """A control whose clock stands until it is moved."""

    def __init__(self, folder: Path) -> None:
        self.now = NOON
        self.control = Control(folder / "rollout.json", folder / "control.jsonl", lambda: self.now)

    def after(self, **span: float) -> RolloutChanged:
        self.now += timedelta(**span)
        self.control.tick()
        assert self.control.current() is not None
        return self.control.current()


def test_a_promotion_waits_for_the_least_time_of_its_stage_and_comes_then_by_itself(tmp_path: Path) -> None:
    moving = Moving(tmp_path)
    stages = (Stage(share=0.05, min_hours=24), Stage(share=0.5))
    moving.control.start(spec(stages=stages))
    made = decision("promote", stage=0)
    moving.control.decide(made)
    assert journal(tmp_path)[0]["outcome"] == "waits: stage 0 lasts until 2026-03-02 12:00 UTC at least"
    assert moving.after(hours=23).stage == 0
    after = moving.after(hours=1)
    assert (after.stage, after.decision_id) == (1, made.event_id)
    assert journal(tmp_path)[1]["outcome"] == "applied after it had waited"
    assert moving.after(hours=24).stage == 1


def test_a_promotion_waits_while_paused_and_comes_with_the_resume(tmp_path: Path) -> None:
    moving = Moving(tmp_path)
    moving.control.start(spec())
    moving.control.act("r1", Pause("ada", "a look"))
    moving.control.decide(decision("promote", stage=0))
    assert moving.after(hours=1).status == "paused"
    moving.control.act("r1", Resume("ada", "fine"))
    assert moving.after(hours=1).stage == 1


def test_what_the_watch_says_against_a_promotion_that_waits_holds_it(tmp_path: Path) -> None:
    moving = Moving(tmp_path)
    moving.control.start(spec(stages=(Stage(share=0.05, min_hours=1), Stage(share=0.5))))
    moving.control.decide(decision("promote", stage=0))
    moving.control.decide(decision("hold"))
    assert moving.after(hours=2).stage == 0
    done = decision("hold").model_copy(update={"reason": STAGE_DONE.format(stage=0)})
    moving.control.decide(done)
    assert moving.after(hours=2).stage == 1


def test_a_person_promotes_whatever_the_machine_has_to_wait_for(tmp_path: Path) -> None:
    moving = Moving(tmp_path)
    moving.control.start(spec(stages=(Stage(share=0.05, min_hours=24), Stage(share=0.5))))
    assert moving.control.act("r1", Promote("ada", "I have looked")).stage == 1


def test_a_rollout_that_nobody_watches_is_paused_and_says_so_and_may_be_rolled_back(tmp_path: Path) -> None:
    moving = Moving(tmp_path)
    moving.control.start(spec(blind=Blind(after_minutes=30)))
    assert moving.after(minutes=29).status == "ramping"
    paused = moving.after(minutes=1)
    assert (paused.status, paused.share, paused.actor) == ("paused", 0.05, "belay.control")
    assert paused.reason == "the watch is blind: no score for 30 minutes"
    moving.control.act("r1", Resume("ada", "it scores again"))
    assert moving.after(minutes=29).status == "ramping"
    assert moving.after(minutes=1).status == "paused"
    moving.control.decide(decision("roll_back"))
    assert moving.control.rollout("r1").status == "rolled_back"


def test_a_rollout_whose_file_says_nothing_of_it_goes_on_unwatched(tmp_path: Path) -> None:
    moving = Moving(tmp_path)
    moving.control.start(spec())
    assert moving.after(days=9).status == "ramping"


def test_a_rollout_of_the_past_never_takes_the_place_of_the_live_one(
    control: Control, tmp_path: Path
) -> None:
    past = promoted(started(shares=(0.5,)))
    live = started(rollout_id="r2").model_copy(update={"since": NOON + timedelta(days=1)})
    control.restore([past, live])
    with pytest.raises(TransitionRefused, match="'r2' has taken its place"):
        control.act("r1", Close("ada", "late"))
    assert control.current() == live
    assert read_rollout(tmp_path / "rollout.json") == live


def test_what_changes_nothing_may_be_asked_of_a_rollout_of_the_past(control: Control) -> None:
    control.start(spec())
    over = control.act("r1", RollBack("ada", "enough"))
    control.start(spec(rollout_id="r2"))
    assert control.act("r1", RollBack("ada", "again")) is over


def test_an_unknown_rollout_is_told_with_those_that_are_known(control: Control) -> None:
    with pytest.raises(UnknownRollout, match="known are none"):
        control.act("r9", RollBack("ada", "enough"))
    control.start(spec())
    with pytest.raises(UnknownRollout, match="no rollout 'r9'; known are 'r1'"):
        control.rollout("r9")


def test_a_persons_word_is_journalled_as_nobodys_decision(control: Control, tmp_path: Path) -> None:
    control.start(spec())
    control.act("r1", RollBack("ada", "enough"))
    control.act("r1", RollBack("ada", "again"))
    lines = [(line["decision_id"], line["action"], line["outcome"]) for line in journal(tmp_path)]
    assert lines == [(None, "RollBack", "applied"), (None, "RollBack", "unchanged")]


def test_a_journal_that_cannot_be_written_costs_no_rollback(
    control: Control, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "control.jsonl").mkdir()
    control.start(spec())
    with caplog.at_level(logging.ERROR):
        control.decide(decision("roll_back"))
    assert control.current() is not None
    assert control.current().status == "rolled_back"
    assert "misses a line" in caplog.text


def test_threads_that_act_at_once_make_one_history(control: Control) -> None:
    shares = tuple(n / 100 for n in range(1, 41))
    control.start(spec(shares))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: control.act("r1", Promote(f"hand {n}", "next")), range(39)))
    assert [state.revision for state in control.outbox] == list(range(1, 41))
    assert [state.share for state in control.outbox] == list(shares)


# --- what the topic knows ----------------------------------------------------------------------------


def test_the_newest_state_of_a_topic_stands_in_whatever_order_it_is_read(
    control: Control, tmp_path: Path
) -> None:
    first = started()
    second = promoted(first)
    control.restore([second, first])
    assert control.current() == second
    assert read_rollout(tmp_path / "rollout.json") == second
    assert not control.outbox


def test_a_rollout_that_only_the_topic_knows_is_not_started_again(control: Control) -> None:
    control.restore([rolled_back(started())])
    with pytest.raises(TransitionRefused, match="there has been one by that id"):
        control.start(spec())


def test_no_state_is_published_after_a_newer_one_that_the_topic_has(control: Control) -> None:
    """A topic keeps the last state of a rollout: after a newer one, an older one would be what routers find."""
    first = control.start(spec())
    control.act("r1", Promote("ada", "next"))
    newest = control.act("r1", RollBack("ada", "enough"))
    control.restore([first, newest])  # a flush that failed half-way: the second of three is missing
    assert not control.outbox


def test_what_the_topic_misses_is_published_in_order(control: Control) -> None:
    first = control.start(spec())
    rest = [control.act("r1", Promote("ada", "next")), control.act("r1", RollBack("ada", "enough"))]
    control.restore([first])
    assert list(control.outbox) == rest
