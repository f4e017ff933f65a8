"""When the machine may promote, and when a watch is taken for blind."""

from __future__ import annotations

from datetime import timedelta

import pytest

from router.control.heard import FORGOTTEN, Heard
from router.control.policy import Sight, why_blind, why_not_yet
from telemetry.events import (
    JUDGE_DRIFTED,
    STALE_JUDGE,
    Blind,
    RolloutChanged,
    Stage,
    WatchReported,
    Window,
    WorkerReported,
)
from tests.router.values import NOON, decision, promoted, rolled_back, started

HALF_AN_HOUR = timedelta(minutes=30)
LISTENING = NOON - timedelta(days=9)


def watched(**changes: object) -> RolloutChanged:
    return started(blind=Blind(after_minutes=30), **changes)


def test_without_a_policy_nothing_has_to_wait() -> None:
    assert why_not_yet(started(), NOON) is None


def test_the_machine_waits_for_least_time_and_windows_each_with_its_reason() -> None:
    stages = (Stage(share=0.05, min_hours=2), Stage(share=0.5))
    state = started(stages=stages, windows=(Window(days=("sun",), begin="00:00", end="15:00"),))
    assert why_not_yet(state, NOON) == "stage 0 lasts until 2026-03-01 14:00 UTC at least"
    assert why_not_yet(state, NOON + timedelta(hours=2)) == "nothing is promoted sun 00:00 to 15:00 UTC"
    assert why_not_yet(state, NOON + timedelta(hours=3)) is None
    paused = state.model_copy(update={"status": "paused"})
    assert why_not_yet(paused, NOON + timedelta(hours=3)) == "the rollout is paused"


def test_no_score_counts_from_the_last_one_from_the_last_change_and_from_when_control_listens() -> None:
    state = watched()
    at = NOON + HALF_AN_HOUR
    assert why_blind(state, Sight(LISTENING), at) == "no score for 30 minutes"
    assert why_blind(state, Sight(LISTENING), at - timedelta(seconds=1)) is None
    assert why_blind(state, Sight(NOON + timedelta(minutes=1)), at) is None
    assert why_blind(state, Sight(LISTENING, NOON + timedelta(minutes=1)), at) is None
    assert why_blind(state, Sight(LISTENING, NOON - timedelta(hours=5)), at) == "no score for 30 minutes"


@pytest.mark.parametrize("kind", ["stopped", "stale", "lagging"])
def test_each_other_trouble_counts_from_when_it_began(kind: str) -> None:
    state, at = watched(), NOON + timedelta(hours=2)
    for began, expected in ((31, "it is so, for 31 minutes"), (30, "it is so, for 30 minutes"), (29, None)):
        trouble = (at - timedelta(minutes=began), "it is so")
        sight = Sight(LISTENING, at)._replace(**{kind: trouble})
        assert why_blind(state, sight, at) == expected


def test_only_what_is_under_way_and_asks_for_it_is_paused() -> None:
    at = NOON + timedelta(days=1)
    for state in (started(), promoted(watched(shares=(0.5,))), rolled_back(watched())):
        assert why_blind(state, Sight(LISTENING), at) is None


# --- what is heard -----------------------------------------------------------------------------------


def report(**changes: object) -> WatchReported:
    fields: dict[str, object] = {
        "source": "w", "time": NOON, "rollout_id": "r1", "stage": 0, "settled": 9, "untagged": 0, "e_value": 1.0,
        "bar": 100.0, "evidence": (), "changes": (), "promotion": {}, "promotion_bar": 60.0, "traffic": {},
        "imbalances": (), "missing": None, "judges": (), "heaviest": (), "last_score": NOON, "last_offset": 9,
        "last_decision": None, "stopped": None,
    }  # fmt: skip
    return WatchReported.model_validate(fields | changes)


def worker(behind_s: float | None, name: str = "w1") -> WorkerReported:
    return WorkerReported(
        source="w", time=NOON, worker=name, judge="j", tagger="t", interactions=1, scored=1, unscored={}, waiting=0,
        unknown_share=None, unknown_grew=False, behind_s=behind_s, dead=0, duplicates=0, late=0, stands_by=False,
        refused={}, unannounced=(),
    )  # fmt: skip


def test_the_sight_of_a_rollout_is_what_the_watch_last_said_of_it() -> None:
    heard = Heard(lambda: NOON)
    assert heard.sight(watched()) == Sight(NOON)
    heard.reported(report(stopped="its scores are gone"))
    heard.reported(report(stopped="its scores are gone", time=NOON + HALF_AN_HOUR))
    heard.reported(report(rollout_id="r2", last_score=None))
    sight = heard.sight(watched())
    assert (sight.last_score, sight.stopped) == (NOON, (NOON, "the watch stopped: its scores are gone"))
    heard.reported(report())
    assert heard.sight(watched()).stopped is None


def test_a_judge_is_stale_from_the_first_hold_that_says_so_until_one_that_does_not() -> None:
    heard = Heard(lambda: NOON)
    stale = decision("hold").model_copy(update={"reason": f"{STALE_JUDGE}: the judge changed", "time": NOON})
    heard.decided(stale)
    heard.decided(stale.model_copy(update={"time": NOON + HALF_AN_HOUR}))
    assert heard.sight(watched()).stale == (NOON, f"{STALE_JUDGE}: the judge changed")
    heard.decided(decision("hold"))
    assert heard.sight(watched()).stale is None


def test_a_judge_that_drifted_makes_the_watch_blind_as_a_stale_one_does() -> None:
    heard = Heard(lambda: NOON)
    reason = f"{JUDGE_DRIFTED}: grader scores 90 known answers +12.0 points otherwise than it did"
    heard.decided(decision("hold").model_copy(update={"reason": reason, "time": NOON}))
    sight = heard.sight(watched())._replace(last_score=NOON + HALF_AN_HOUR)
    assert why_blind(watched(), sight, NOON) is None
    assert why_blind(watched(), sight, NOON + HALF_AN_HOUR) == f"{reason}, for 30 minutes"


def test_a_judge_that_drifted_stays_so_whatever_is_said_in_between() -> None:
    heard = Heard(lambda: NOON)
    drifted = decision("hold").model_copy(update={"reason": f"{JUDGE_DRIFTED}: it did", "time": NOON})
    later = NOON + HALF_AN_HOUR
    for one in (drifted, decision("hold"), drifted.model_copy(update={"time": later})):
        heard.decided(one)
    assert heard.sight(watched()).stale == (NOON, drifted.reason)


def test_the_worker_that_is_furthest_behind_counts_and_one_that_is_gone_does_not() -> None:
    now = NOON
    heard = Heard(lambda: now)
    heard.reported(worker(12.0))
    heard.reported(worker(2400.0, "w2"))
    assert heard.sight(watched()).lagging == (NOON, "the worker is 40 minutes behind")
    now += HALF_AN_HOUR
    assert heard.sight(watched()).lagging == (NOON, "the worker is 40 minutes behind")
    assert heard.sight(started()).lagging is None
    heard.reported(worker(5.0, "w2"))
    assert heard.sight(watched()).lagging is None
    heard.reported(worker(2400.0, "w3"))
    now += FORGOTTEN
    assert heard.sight(watched()).lagging is None
