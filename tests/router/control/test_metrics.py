from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from router.control.actor import Control
from router.control.health import Pulse
from router.control.metrics import ControlMetrics
from router.control.rollout import Close, Promote, RollBack
from router.control.tokens import Tokens, add_token
from telemetry.events import Blind, now
from tests.exported import Series, exported
from tests.router.values import NOON, decision, spec


def of_rollouts(found: Series) -> set[tuple[str, ...]]:
    return {key for key in found if "r1" in key}


def test_a_rollout_is_told_with_its_state_its_share_and_its_route(control: Control) -> None:
    metrics = ControlMetrics(control, [])
    control.followers.append(metrics.changed)
    state = control.start(spec())
    control.act("r1", Promote("ada", "next"))
    found = exported(metrics)
    assert found["belay_rollout_state", "r1", "default", "ramping"] == 1
    assert found["belay_rollout_state", "r1", "default", "rolled_back"] == 0
    assert found["belay_control_share_ratio", "r1", "default"] == 0.25
    assert found["belay_control_revision", "r1", "default"] == state.revision + 1
    assert found["belay_rollout_changes_total", "ramping"] == 2
    assert found["belay_rollout_changes_total", "rolled_back"] == 0


def test_a_rollout_that_rolled_back_is_told_until_it_is_closed_or_replaced(control: Control) -> None:
    metrics = ControlMetrics(control, [])
    control.followers.append(metrics.changed)
    control.start(spec())
    control.decide(decision())
    found = exported(metrics)
    assert found["belay_rollout_state", "r1", "default", "rolled_back"] == 1
    assert found["belay_rollout_changes_total", "rolled_back"] == 1
    control.start(spec(rollout_id="r2"))
    assert of_rollouts(exported(metrics)) == set()


def test_a_rollout_that_was_closed_has_no_series(control: Control) -> None:
    control.start(spec(shares=(0.5,)))
    control.act("r1", Promote("ada", "all"))
    control.act("r1", Close("ada", "done"))
    assert of_rollouts(exported(ControlMetrics(control, []))) == set()


def test_a_watch_that_sees_nothing_for_so_long_is_told(tmp_path: Path) -> None:
    clock = [NOON]
    control = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl", clock=lambda: clock[0])
    control.start(spec(blind=Blind(after_minutes=30)))
    metrics = ControlMetrics(control, [])
    assert exported(metrics)["belay_rollout_blind", "r1", "default"] == 0
    clock[0] += timedelta(minutes=31)
    assert exported(metrics)["belay_rollout_blind", "r1", "default"] == 1


def test_threads_and_the_broker_are_told_as_health_sees_them(control: Control) -> None:
    clock = [0.0]
    loop, other = Pulse("loop", clock=lambda: clock[0]), Pulse("attesting", clock=lambda: clock[0])
    loop.away("no broker")
    loop.buried += 2
    other.alarm("a mistake", ValueError())
    found = exported(ControlMetrics(control, [loop, other]))
    assert found["belay_control_broker_up",] == 0
    assert found["belay_control_thread_up", "loop"] == found["belay_control_thread_up", "attesting"] == 1
    assert found["belay_control_alarms_total", "attesting"] == 1
    assert found["belay_dead_letters_total", "control"] == 2
    clock[0] = 61.0
    loop.beat()
    found = exported(ControlMetrics(control, [loop, other]))
    assert found["belay_control_broker_up",] == found["belay_control_thread_up", "loop"] == 1
    assert found["belay_control_thread_up", "attesting"] == 0


def test_what_the_broker_does_not_have_yet_is_told(control: Control) -> None:
    control.start(spec())
    control.act("r1", RollBack("ada", "enough"))
    assert exported(ControlMetrics(control, []))["belay_control_unpublished",] == 2


def test_of_tokens_the_next_one_to_expire_is_told_and_nobodys_name(control: Control, tmp_path: Path) -> None:
    file, soon = tmp_path / "tokens.yaml", now() + timedelta(days=3)
    add_token(file, "late", "viewer", soon + timedelta(days=1))
    add_token(file, "gone", "viewer", now() - timedelta(days=1))
    add_token(file, "ada", "operator", soon)
    found = exported(ControlMetrics(control, [], Tokens(file)))
    assert found["belay_token_expires_timestamp_seconds",] == soon.timestamp()
    assert not any("ada" in key for key in found)
