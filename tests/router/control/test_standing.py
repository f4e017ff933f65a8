"""Several rollouts at once, one a route: what happens on one changes nothing on another."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from router.control.actor import Control
from router.control.api import create_app
from router.control.rollout import Close, Promote, RollBack
from router.control.standing import SeveralRollouts, meant
from telemetry.errors import InfrastructureError, TransitionRefused
from telemetry.events import Blind, RolloutChanged, RolloutSpec
from telemetry.rollout_file import file_of, read_rollout
from tests.router.values import NOON, decision, journal, rolled_back, spec, started

SQL = "acme/sql"


def sql(**changes: object) -> RolloutSpec:
    return spec(rollout_id="r2", route=SQL, **changes)


@pytest.fixture
def both(control: Control) -> Control:
    control.start(spec())
    control.start(sql())
    return control


def held(folder: Path, route: str) -> RolloutChanged:
    state = read_rollout(file_of(folder / "rollout.json", route))
    assert state is not None
    return state


def test_each_route_has_a_rollout_and_a_file_of_its_own(both: Control, tmp_path: Path) -> None:
    assert [state.spec.rollout_id for state in both.standing] == ["r1", "r2"]
    assert (held(tmp_path, "default").spec.rollout_id, held(tmp_path, SQL).spec.rollout_id) == ("r1", "r2")
    assert (tmp_path / "rollout.acme%2Fsql.json").exists()


def test_a_second_start_on_a_route_is_refused_with_what_runs_there(both: Control) -> None:
    with pytest.raises(TransitionRefused, match="'r3' on route 'acme/sql' is refused: 'r2' is ramping"):
        both.start(sql().model_copy(update={"rollout_id": "r3"}))
    both.act("r2", RollBack("ada", "enough"))
    assert both.start(sql().model_copy(update={"rollout_id": "r3"})).revision == 1
    assert both.current("default") == both.rollout("r1")


def test_a_rollback_on_one_route_leaves_the_other_as_it_is(both: Control, tmp_path: Path) -> None:
    before = file_of(tmp_path / "rollout.json", SQL).read_bytes()
    both.decide(decision("roll_back", "r1"))
    assert held(tmp_path, "default").status == "rolled_back"
    assert file_of(tmp_path / "rollout.json", SQL).read_bytes() == before
    both.decide(decision("roll_back", "r2"))
    assert held(tmp_path, SQL).status == "rolled_back"
    assert [line["outcome"] for line in journal(tmp_path)] == ["applied", "applied"]


def test_a_decision_about_a_rollout_that_was_replaced_on_its_route_asks_nothing(both: Control) -> None:
    both.act("r2", RollBack("ada", "enough"))
    both.start(spec(rollout_id="r3", route=SQL))
    both.decide(decision("roll_back", "r2"))
    assert both.rollout("r3").live


def test_after_a_restart_every_route_has_its_rollout_again(both: Control, tmp_path: Path) -> None:
    both.act("r2", Promote("ada", "next"))
    again = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl")
    assert {state.spec.route: state.revision for state in again.standing} == {"default": 1, SQL: 2}


def test_a_file_of_another_routes_rollout_is_passed_over(control: Control, tmp_path: Path) -> None:
    control.start(spec())
    (tmp_path / "rollout.json").rename(tmp_path / "rollout.other.json")
    assert Control(tmp_path / "rollout.json", tmp_path / "control.jsonl").standing == ()


def test_the_topic_gives_every_route_back_its_rollout(control: Control, tmp_path: Path) -> None:
    first, second = started(), started(rollout_id="r2", route=SQL)
    over = rolled_back(second)
    control.restore([first, over, second])
    assert control.standing == (first, over)
    assert held(tmp_path, SQL) == over
    assert not control.outbox


def test_time_passes_on_every_route_and_a_mistake_on_one_costs_no_other(tmp_path: Path) -> None:
    moment = NOON

    def clock() -> datetime:
        return moment

    control = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl", clock)
    control.start(spec(blind=Blind(after_minutes=30)))
    control.start(sql(blind=Blind(after_minutes=30)))
    (tmp_path / "rollout.json").unlink()
    (tmp_path / "rollout.json").mkdir()
    moment += timedelta(minutes=31)
    with pytest.raises(InfrastructureError, match="cannot write the rollout's state"):
        control.tick()
    assert (control.rollout("r1").status, control.rollout("r2").status) == ("ramping", "paused")


# --- which is meant ----------------------------------------------------------------------------------


def test_where_one_route_has_a_rollout_it_is_the_one_that_is_meant(control: Control) -> None:
    assert control.current() is None
    state = control.start(sql())
    assert control.current() == control.current(SQL) == state
    assert control.current("default") is None


def test_where_several_have_one_the_error_says_which_there_are(both: Control) -> None:
    both.act("r1", RollBack("ada", "enough"))
    with pytest.raises(SeveralRollouts) as caught:
        both.current()
    assert "'r1' on route 'default' (rolled_back)" in caught.value.message
    assert "'r2' on route 'acme/sql' (ramping)" in caught.value.message
    assert "--route" in str(caught.value.hint)


def test_a_closed_rollout_is_not_meant_where_another_is_not(both: Control) -> None:
    for _ in range(3):
        both.act("r1", Promote("ada", "next"))
    closed = both.act("r1", Close("ada", "it is base now"))
    assert both.current() == both.rollout("r2")
    assert meant([closed], None) is closed


# --- over HTTP ---------------------------------------------------------------------------------------


@pytest.fixture
def http(both: Control) -> TestClient:
    return TestClient(create_app(both))


def test_a_start_on_another_route_is_accepted_and_the_same_one_told_of_by_its_conflict(
    control: Control,
) -> None:
    http = TestClient(create_app(control))
    for made in (spec(), sql()):
        assert http.post("/rollouts", json=made.model_dump(mode="json")).status_code == 201
    refused = http.post(
        "/rollouts", json=spec(rollout_id="r3", route=SQL).model_dump(mode="json"), params={"actor": "ada"}
    )
    assert (refused.status_code, refused.json()["current"]["rollout_id"]) == (409, "r2")


@pytest.mark.parametrize("route", ["", "a b", "x" * 101, "ü"])
def test_a_route_that_no_model_can_have_is_refused(control: Control, route: str) -> None:
    answer = TestClient(create_app(control)).post(
        "/rollouts", json=spec(route=route).model_dump(mode="json") | {"route": route}
    )
    assert answer.status_code == 422
    assert "its route is" in answer.json()["error"]


def test_rollouts_are_listed_and_asked_for_by_route(http: TestClient) -> None:
    assert {one["rollout_id"]: one["route"] for one in http.get("/rollouts").json()} == {
        "r1": "default",
        "r2": SQL,
    }
    assert [one["rollout_id"] for one in http.get("/rollouts", params={"route": SQL}).json()] == ["r2"]
    assert http.get("/rollouts/current", params={"route": SQL}).json()["spec"]["route"] == SQL
    left_out = http.get("/rollouts/current")
    assert (left_out.status_code, "'r2' on route 'acme/sql'" in left_out.json()["error"]) == (422, True)
    nowhere = http.get("/rollouts/current", params={"route": "nowhere"})
    assert (nowhere.status_code, "on route 'nowhere'" in nowhere.json()["error"]) == (404, True)
    assert http.get("/healthz").json()["rollouts"] == {"default": "r1", SQL: "r2"}


def test_the_board_shows_every_route(http: TestClient) -> None:
    lines = http.get("/api/overview").json()["rollouts"]
    assert {line["rollout_id"]: line["route"] for line in lines} == {"r1": "default", "r2": SQL}


def test_a_verdict_is_about_the_route_that_is_named_and_holds_where_none_is(
    http: TestClient, both: Control
) -> None:
    both.act("r2", RollBack("ada", "enough"))
    assert http.get("/verdict/current", params={"route": SQL}).json()["verdict"] == "roll_back"
    assert http.get("/verdict/current", params={"route": "default"}).json()["verdict"] == "hold"
    open_question = http.get("/verdict/current")
    assert (open_question.status_code, open_question.json()["verdict"]) == (200, "hold")
    assert "'r2' on route 'acme/sql'" in open_question.json()["reason"]
    hook = {"name": "sql", "namespace": "prod", "phase": "Progressing", "metadata": {"route": SQL}}
    assert http.post("/flagger/rollback", json=hook).status_code == 200
    assert http.post("/flagger/rollback", json=hook | {"metadata": {}}).status_code == 403
