"""Control: decisions and people change the rollout; the file comes first, the broker when it can."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from router.control.actor import Control, event_for
from router.control.api import create_app
from router.control.loop import control_loop, without_a_bus
from router.control.rollout import Promote, RollBack, Start, transition
from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Encoded
from telemetry.errors import InfrastructureError, TransitionRefused
from telemetry.events import Action, AuditRef, DeadLettered, DecisionMade, Event, Proof, RolloutChanged
from telemetry.rollout_file import read_rollout, write_rollout
from tests.router.values import NOON, promoted, rolled_back, spec, started

PROOF = Proof(
    test="betting", e_value=120.0, bar=100.0, blamed=("addition",), evidence=(), topic=topics.SCORES, partition=0,
    first_offset=0, last_offset=9, scores_sha256="a", brief_sha256="b", settings_sha256="c", judges=("v1",),
    heaviest=(), deciding_score="s",
)  # fmt: skip


def decision(action: Action = "roll_back", rollout_id: str = "r1", stage: int = 0) -> DecisionMade:
    return DecisionMade(
        source="belay.worker", rollout_id=rollout_id, action=action, reason="addition fell", stage=stage, proof=PROOF
    )  # fmt: skip


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(tmp_path / "rollout.json", tmp_path / "control.jsonl")


@pytest.fixture
def bus() -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    return bus


@pytest.fixture
def loop(control: Control, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("router.control.loop.RETRY_S", 0.05)
    stop = threading.Event()
    thread = threading.Thread(target=control_loop, args=(control, bus, stop))
    thread.start()
    yield
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def publish(bus: MemoryBus, *what: Event | Encoded) -> None:
    with bus.publisher() as publisher:
        for each in what:
            publisher.send(each if isinstance(each, Encoded) else codec.encode(each))
        publisher.flush()


def published(bus: MemoryBus) -> list[RolloutChanged]:
    found = [codec.decode(record) for record in bus.logs[topics.ROLLOUTS, 0]]
    assert all(isinstance(event, RolloutChanged) for event in found)
    return found  # type: ignore[return-value]  # just asserted


def wait_for(what: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 5
    while not what():
        assert time.monotonic() < deadline, "waited for 5 s"
        time.sleep(0.01)


def journal(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "control.jsonl").read_text().splitlines()]


# --- what a decision asks ----------------------------------------------------------------------------


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


@pytest.mark.parametrize("broker", ["away", "none"])
def test_the_rollback_window_closes_without_a_broker_too(
    tmp_path: Path, bus: MemoryBus, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.control.loop.RETRY_S", 0.02)
    moment = NOON

    def clock() -> datetime:
        return moment

    control = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl", clock)
    control.start(spec((0.5,)))
    control.act("r1", Promote("ada", "good"))
    bus.down, stop = True, threading.Event()
    loop = (control_loop, (control, bus, stop)) if broker == "away" else (without_a_bus, (control, stop))
    thread = threading.Thread(target=loop[0], args=loop[1])
    thread.start()
    try:
        moment += timedelta(days=31)
        wait_for(lambda: control.current is not None and control.current.status == "closed")
    finally:
        stop.set()
        thread.join(5)


def test_one_rollout_at_a_time_and_each_id_once(control: Control) -> None:
    control.start(spec())
    with pytest.raises(TransitionRefused, match="'r1' is ramping"):
        control.start(spec(rollout_id="r2"))
    control.act("r1", RollBack("ada", "enough"))
    with pytest.raises(TransitionRefused, match="there has been one by that id"):
        control.start(spec())
    assert control.start(spec(rollout_id="r2")).revision == 1


# --- the bus -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("loop")
def test_a_roll_back_from_the_bus_is_in_the_file_within_the_bar(
    control: Control, bus: MemoryBus, tmp_path: Path
) -> None:
    control.start(spec())
    wait_for(lambda: len(published(bus)) == 1)
    made = decision()
    sent_ns = time.time_ns()
    publish(bus, made)
    wait_for(lambda: len(published(bus)) == 2)
    assert published(bus)[-1].status == "rolled_back"
    assert (journal(tmp_path)[0]["applied_at"] - sent_ns) / 1e6 < 100


@pytest.mark.usefixtures("loop")
def test_a_record_that_is_no_event_becomes_a_dead_letter_and_stops_nothing(
    control: Control, bus: MemoryBus
) -> None:
    control.start(spec())
    publish(bus, Encoded(topics.DECISIONS, b"r1", (), b"what?"), decision())
    wait_for(lambda: control.current is not None and control.current.status == "rolled_back")
    (letter,) = [codec.decode(record) for record in bus.logs[topics.DEAD_LETTERS, 0]]
    assert isinstance(letter, DeadLettered)
    assert (letter.topic, letter.offset, b64decode(letter.payload)) == (topics.DECISIONS, 0, b"what?")
    assert "not a CloudEvent" in letter.reason


@pytest.mark.usefixtures("loop")
def test_a_broker_that_is_down_does_not_stop_a_manual_rollback(
    control: Control, bus: MemoryBus, tmp_path: Path
) -> None:
    control.start(spec())
    wait_for(lambda: len(published(bus)) == 1)
    bus.down = True
    control.act("r1", RollBack("ada", "broker or not"))
    file = read_rollout(tmp_path / "rollout.json")
    assert file is not None
    assert file.status == "rolled_back"
    wait_for(lambda: bus.refused >= 2)
    assert len(control.outbox) == 1
    bus.down = False
    wait_for(lambda: [state.revision for state in published(bus)] == [1, 2])
    wait_for(lambda: not control.outbox)


@pytest.mark.usefixtures("loop")
def test_a_decision_that_met_a_full_disk_is_tried_again(
    control: Control, bus: MemoryBus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    control.start(spec())
    (tmp_path / "rollout.json").unlink()
    (tmp_path / "rollout.json").mkdir()
    publish(bus, decision())
    wait_for(lambda: caplog.text.count("control tries again") >= 2)
    assert control.current is not None
    assert control.current.status == "ramping"
    (tmp_path / "rollout.json").rmdir()
    wait_for(lambda: control.current is not None and control.current.status == "rolled_back")


def test_the_topic_restores_what_the_file_does_not_know(
    control: Control, bus: MemoryBus, tmp_path: Path
) -> None:
    state = started()
    write_rollout(tmp_path / "rollout.json", state)
    control = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl")
    publish(bus, state, rolled_back(state))
    once(control, bus)
    assert control.current == rolled_back(state)
    assert read_rollout(tmp_path / "rollout.json") == rolled_back(state)
    assert len(published(bus)) == 2


def test_a_broker_that_forgot_gets_the_current_state_again(bus: MemoryBus, tmp_path: Path) -> None:
    state = rolled_back(started())
    write_rollout(tmp_path / "rollout.json", state)
    once(Control(tmp_path / "rollout.json", tmp_path / "control.jsonl"), bus)
    assert published(bus) == [state]


def test_decisions_of_the_past_repeat_nothing_after_a_restart(bus: MemoryBus, tmp_path: Path) -> None:
    state = transition(None, Start(spec()), NOON)
    publish(bus, decision("promote", stage=0))
    write_rollout(tmp_path / "rollout.json", promoted(state))
    control = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl")
    once(control, bus)
    assert control.current == promoted(state)


def once(control: Control, bus: MemoryBus) -> None:
    """Let the loop restore, read and publish what there is, until it waits for decisions in vain."""
    stop = threading.Event()
    thread = threading.Thread(target=control_loop, args=(control, bus, stop))
    thread.start()
    wait_for(lambda: bus.idle[topics.DECISIONS] > 0)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


# --- over HTTP ---------------------------------------------------------------------------------------


@pytest.fixture
def http(control: Control) -> Iterator[TestClient]:
    with TestClient(create_app(control)) as client:
        yield client


WORD = {"actor": "ada", "reason": "by hand"}


def test_a_rollout_is_started_seen_promoted_and_rolled_back_over_http(http: TestClient) -> None:
    assert http.get("/rollouts/current").status_code == 404
    answer = http.post("/rollouts", json=spec().model_dump(mode="json"))
    assert (answer.status_code, answer.json()["share"]) == (201, 0.05)
    assert http.get("/rollouts/current").json() == answer.json()
    assert http.post("/rollouts/r1/promote", json=WORD).json()["stage"] == 1
    after = http.post("/rollouts/r1/rollback", json=WORD).json()
    assert (after["status"], after["actor"], after["share"]) == ("rolled_back", "ada", 0.0)
    assert http.post("/rollouts/r1/rollback", json=WORD).json() == after
    assert http.get("/rollouts/r1").json() == after
    assert http.get("/healthz").json() == {"status": "ok", "rollout": "r1", "unpublished": 3}


def test_refusals_are_told_apart(http: TestClient) -> None:
    good = spec().model_dump(mode="json")
    assert http.get("/rollouts/absent").status_code == 404
    assert http.post("/rollouts/absent/rollback", json=WORD).status_code == 404
    http.post("/rollouts", json=good)
    again = http.post("/rollouts", json=good | {"rollout_id": "r2"})
    assert again.status_code == 409
    assert "'r1' is ramping" in again.json()["error"]
    assert http.post("/rollouts/r1/rollback", json={"actor": "", "reason": "x"}).status_code == 422
    assert http.post("/rollouts/r1/close", json=WORD).status_code == 409


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"stages": [{"share": 0.5}, {"share": 0.2}]}, "shares of stages must grow"),
        ({"stagess": []}, "stagess"),
        (
            {"audit": AuditRef(verdict="fail", sha256="e").model_dump()},
            "its audit's verdict is 'fail', expected 'pass'",
        ),
    ],
)
def test_a_spec_that_cannot_be_a_rollout_is_a_422_that_says_why(
    http: TestClient, change: dict[str, Any], told: str
) -> None:
    answer = http.post("/rollouts", json=spec().model_dump(mode="json") | change)
    assert answer.status_code == 422
    assert told in answer.text


def test_a_failed_audit_with_a_named_override_may_start(http: TestClient) -> None:
    audit = AuditRef(verdict="fail", sha256="e", override_by="ada", override_reason="for the demo")
    assert http.post("/rollouts", json=spec(audit=audit).model_dump(mode="json")).status_code == 201


def test_the_page_needs_nothing_from_elsewhere(http: TestClient) -> None:
    page = http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "Roll back" in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
