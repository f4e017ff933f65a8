"""The rules of the rollout's transition table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from router.control.rollout import (
    TABLE,
    Close,
    Expire,
    Hold,
    Pause,
    Promote,
    Resume,
    RollBack,
    RolloutEvent,
    Start,
    diagram,
    rollback_until,
    transition,
)
from telemetry.errors import TransitionRefused
from telemetry.events import Allotment, RolloutChanged, Status, derived_id
from tests.places import ROOT
from tests.router.values import NOON, promoted, rolled_back, spec, started


def test_a_rollout_starts_at_its_first_stage() -> None:
    state = transition(None, Start(spec((0.05, 0.5)), actor="ada", reason="go"), NOON)
    assert (state.status, state.stage, state.share, state.revision) == ("ramping", 0, 0.05, 1)
    assert (state.actor, state.reason, state.since) == ("ada", "go", NOON)


def test_promote_goes_one_stage_on_and_from_the_last_to_all_but_the_holdback() -> None:
    state = started(shares=(0.05, 0.5), holdback=0.02)
    state = promoted(state)
    assert (state.status, state.stage, state.share, state.revision) == ("ramping", 1, 0.5, 2)
    state = promoted(state)
    assert (state.status, state.stage, state.share, state.revision) == ("promoted", 1, 0.98, 3)


def test_roll_back_puts_everybody_on_base_and_keeps_what_decided_it() -> None:
    state = transition(promoted(started()), RollBack("watch", "addition fell", "d-1"), NOON)
    assert (state.status, state.share, state.stage, state.revision) == ("rolled_back", 0.0, 1, 3)
    assert (state.actor, state.reason, state.decision_id) == ("watch", "addition fell", "d-1")


def test_roll_back_of_a_rolled_back_rollout_changes_nothing_not_even_the_revision() -> None:
    state = rolled_back(started())
    assert transition(state, RollBack("somebody else", "again"), NOON) is state


def test_hold_changes_nothing() -> None:
    state = started()
    assert transition(state, Hold("watch", "not enough units"), NOON) is state


def test_a_promoted_rollout_can_be_rolled_back_until_its_window_is_closed() -> None:
    state = promoted(started(shares=(0.5,)))
    assert transition(state, RollBack("ada", "late"), NOON + timedelta(days=29)).status == "rolled_back"
    closed = transition(state, Expire(), NOON + timedelta(days=30))
    with pytest.raises(TransitionRefused, match="RollBack of rollout 'r1' is refused: it is closed"):
        transition(closed, RollBack("ada", "too late"), NOON + timedelta(days=31))


def test_the_window_does_not_expire_before_its_end() -> None:
    state = promoted(started(shares=(0.5,), rollback_window_days=7))
    with pytest.raises(TransitionRefused, match="its rollback window ends at 2026-03-08"):
        transition(state, Expire(), NOON + timedelta(days=6, hours=23))
    assert transition(state, Expire(), NOON + timedelta(days=7)).status == "closed"


def test_the_end_of_the_window_takes_the_model_away_from_nobody() -> None:
    state = promoted(started(shares=(0.5,)))
    assert transition(state, Expire(), NOON + timedelta(days=30)).share == state.share


def test_close_empties_the_candidate_arm_once() -> None:
    state = promoted(started(shares=(0.5,)))
    for before in (state, transition(state, Expire(), NOON + timedelta(days=30))):
        closed = transition(before, Close("ada", "control serves it now"), NOON + timedelta(days=31))
        assert (closed.status, closed.share, closed.revision) == ("closed", 0.0, before.revision + 1)
        assert transition(closed, Close("ada", "again"), NOON + timedelta(days=32)) is closed


def test_a_ramping_rollout_is_rolled_back_not_closed() -> None:
    with pytest.raises(TransitionRefused, match="possible there: Promote, RollBack, Hold"):
        transition(started(), Close("ada", "enough"), NOON)


def test_a_refusal_names_event_rollout_status_and_what_is_possible() -> None:
    with pytest.raises(TransitionRefused) as caught:
        transition(rolled_back(started()), Promote("ada", "why not"), NOON)
    assert "Promote of rollout 'r1'" in str(caught.value)
    assert "it is rolled_back" in str(caught.value)
    assert "possible there: RollBack, Hold, Close" in str(caught.value)


def test_nothing_but_start_is_possible_before_the_start_and_start_only_there() -> None:
    with pytest.raises(TransitionRefused, match="no rollout has started; expected Start"):
        transition(None, RollBack("ada", "nothing there"), NOON)
    with pytest.raises(TransitionRefused, match="a rollout starts once"):
        transition(started(), Start(spec()), NOON)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ((), "no stages"),
        ((0.5, 0.25), "must grow"),
        ((0.0, 0.5), "the candidate would answer nothing"),
        ((0.5, 1.0), "leaves nothing to promote it to, which is 0.98"),
        ((0.5, 0.98), "leaves nothing to promote it to"),
    ],
)
def test_stages_that_cannot_be_a_rollout_are_refused_at_the_start(
    shares: tuple[float, ...], message: str
) -> None:
    with pytest.raises(TransitionRefused, match=message):
        transition(None, Start(spec(shares)), NOON)


def test_a_first_stage_of_share_0_is_in_shadow_until_it_is_promoted() -> None:
    state = started(shares=(0.0, 0.05), shadow=0.2)
    assert (state.status, state.stage, state.share, state.live) == ("shadow", 0, 0.0, True)
    after = promoted(state)
    assert (after.status, after.stage, after.share) == ("ramping", 1, 0.05)
    assert rolled_back(state).status == "rolled_back"


def test_nobody_goes_from_shadow_to_everybody_at_once() -> None:
    with pytest.raises(TransitionRefused, match="all subjects would get the candidate at once"):
        started(shares=(0.0,), shadow=0.2)


@pytest.mark.parametrize("shares", [(0.0, 0.5), (0.05, 0.5)])
def test_a_pause_freezes_stage_and_share_and_a_resume_goes_on_there(shares: tuple[float, ...]) -> None:
    state = started(shares=shares, shadow=0.2)
    paused = transition(state, Pause("ada", "a look at the answers"), NOON)
    assert (paused.status, paused.stage, paused.share, paused.live) == ("paused", 0, shares[0], True)
    assert transition(paused, Pause("bob", "as well"), NOON) is paused
    with pytest.raises(TransitionRefused, match="it is paused"):
        promoted(paused)
    resumed = transition(paused, Resume("ada", "fine"), NOON)
    assert (resumed.status, resumed.stage, resumed.share) == (state.status, 0, shares[0])
    assert transition(resumed, Resume("bob", "as well"), NOON) is resumed


def test_a_paused_rollout_is_rolled_back_as_any_other() -> None:
    paused = transition(started(), Pause("ada", "a look"), NOON)
    assert (rolled_back(paused).status, rolled_back(paused).share) == ("rolled_back", 0.0)


def test_a_paused_rollout_has_its_shadows_moved_and_stays_paused() -> None:
    allotted = Allotment(settled=200, by_capability={"support": 0.3}, otherwise=0.02)
    paused = transition(started(), Pause("ada", "a look"), NOON)
    after = transition(paused, Hold("worker", "h", allotment=allotted), NOON)
    assert (after.status, after.allotment) == ("paused", allotted)


def test_a_revision_names_the_one_before_it() -> None:
    state = started()
    assert (state.before, promoted(state).before) == (None, 1)


def test_a_hold_moves_the_shadows_and_leaves_stage_share_and_window_alone() -> None:
    first = Allotment(settled=200, by_capability={"support": 0.3}, otherwise=0.02)
    state = promoted(started(shares=(0.5,)))
    later = transition(
        state, Hold("worker", "not enough yet", allotment=first), state.since + timedelta(days=3)
    )
    assert (later.allotment, later.revision, later.reason) == (first, state.revision + 1, "not enough yet")
    assert (later.status, later.stage, later.share) == (state.status, state.stage, state.share)
    assert rollback_until(later) == rollback_until(state)


def test_an_older_or_equal_allotment_changes_nothing() -> None:
    old, new = (
        Allotment(settled=n, by_capability={"support": f}, otherwise=0.0) for n, f in ((200, 0.3), (400, 0.1))
    )
    state = transition(started(), Hold("worker", "h", allotment=new), NOON)
    assert transition(state, Hold("worker", "h", allotment=old), NOON) is state
    assert transition(state, Hold("worker", "h", allotment=new), NOON) is state
    same = new.model_copy(update={"settled": 600})
    assert transition(state, Hold("worker", "h", allotment=same), NOON) is state
    assert transition(state, Hold("worker", "h"), NOON) is state


def test_an_allotment_outlives_a_promotion_and_does_nothing_after_a_rollback() -> None:
    allotted = Allotment(settled=200, by_capability={"support": 0.3}, otherwise=0.02)
    state = transition(started(), Hold("worker", "h", allotment=allotted), NOON)
    assert promoted(state).allotment == allotted
    over = rolled_back(state)
    later = allotted.model_copy(update={"settled": 400, "otherwise": 0.5})
    assert transition(over, Hold("worker", "h", allotment=later), NOON) is over


def test_the_event_id_follows_from_rollout_and_revision() -> None:
    state = promoted(started())
    assert state.event_id == derived_id("r1", "2")


def test_every_status_has_its_row() -> None:
    assert set(TABLE) == set(get_args(Status))


def test_the_diagram_in_the_docs_is_the_table() -> None:
    page = ROOT / "docs" / "router.md"
    assert f"```mermaid\n{diagram()}\n```" in page.read_text(encoding="utf-8")


EVENTS: tuple[RolloutEvent, ...] = (
    Promote("m", "p"),
    RollBack("m", "r"),
    Hold("m", "h"),
    Hold("m", "h", allotment=Allotment(settled=200, by_capability={"support": 0.3}, otherwise=0.02)),
    Hold("m", "h", allotment=Allotment(settled=400, by_capability={"support": 0.2}, otherwise=0.02)),
    Pause("m", "w"),
    Resume("m", "g"),
    Expire(),
    Close("m", "c"),
)


class AnySequenceOfEvents(RuleBasedStateMachine):
    """Whatever happens in whatever order, these hold."""

    state: RolloutChanged
    at: datetime

    @initialize(
        shares=st.lists(st.floats(0.01, 0.89), min_size=1, max_size=5, unique=True),
        holdback=st.floats(0.0, 0.1),
        in_shadow=st.booleans(),
    )
    def start(self, shares: list[float], holdback: float, in_shadow: bool) -> None:
        self.at = NOON
        stages = (*([0.0] if in_shadow else []), *sorted(shares))
        self.state = transition(None, Start(spec(stages, holdback=holdback, shadow=0.1)), NOON)
        self.before = self.state

    @rule(event=st.sampled_from(EVENTS), days=st.integers(0, 40))
    def something_happens(self, event: RolloutEvent, days: int) -> None:
        self.at += timedelta(days=days)
        self.before = self.state
        try:
            self.state = transition(self.state, event, self.at)
        except TransitionRefused:
            return
        row = TABLE[self.before.status][type(event)]
        assert self.state.status in row.leads_to

    @invariant()
    def the_share_shrinks_only_by_rollback_and_close(self) -> None:
        assert self.state.share >= self.before.share or self.state.status in ("rolled_back", "closed")

    @invariant()
    def the_share_is_a_stage_or_nothing_or_all_but_the_holdback(self) -> None:
        of_spec = {stage.share for stage in self.state.spec.stages}
        assert self.state.share in of_spec | {0.0, 1.0 - self.state.spec.holdback}
        if self.state.status in ("ramping", "promoted"):
            assert self.state.share > 0.0
        if self.state.status == "shadow":
            assert self.state.share == 0.0
        if self.state.status == "rolled_back":
            assert self.state.share == 0.0

    @invariant()
    def a_live_rollout_may_always_be_rolled_back(self) -> None:
        if self.state.live:
            assert transition(self.state, RollBack("m", "r"), self.at).status == "rolled_back"

    @invariant()
    def a_revision_is_one_change(self) -> None:
        if self.state is not self.before:
            assert self.state.revision == self.before.revision + 1
            assert self.state.event_id != self.before.event_id

    @invariant()
    def rolled_back_is_the_end(self) -> None:
        if self.before.status == "rolled_back":
            assert self.state is self.before

    @invariant()
    def only_a_promoted_rollout_closes(self) -> None:
        if self.state.status == "closed" and self.before.status != "closed":
            assert self.before.status == "promoted"


TestAnySequenceOfEvents = AnySequenceOfEvents.TestCase
TestAnySequenceOfEvents.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)
