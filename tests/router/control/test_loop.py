"""Control's ears and mouth: decisions in, states out, and no broker, disk or record that stops it."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from router.control.actor import Control, UnknownRollout
from router.control.audit_log import AuditLog
from router.control.health import Pulse, health
from router.control.loop import control_loop, without_a_bus
from router.control.rollout import Promote, RollBack, Start, transition
from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import BROKER_RECORD_BYTES, Encoded
from telemetry.dead_letters import PAYLOAD_LIMIT
from telemetry.events import ChangeAudited, DeadLettered, DecisionMade, Event, RolloutChanged
from telemetry.rollout_file import read_rollout, write_rollout
from tests.router.values import NOON, decision, journal, promoted, rolled_back, spec, started


@pytest.fixture
def bus() -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    return bus


@contextmanager
def serving(loop: Callable[..., None], *parts: object, **named: object) -> Iterator[None]:
    """One of the loops in a thread of its own while this lasts."""
    stop = threading.Event()
    thread = threading.Thread(target=loop, args=(*parts, stop), kwargs=named)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)
    assert not thread.is_alive()


@pytest.fixture
def loop(control: Control, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("router.control.loop.RETRY_S", 0.05)
    with serving(control_loop, control, bus):
        yield


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


def once(control: Control, bus: MemoryBus, pulse: Pulse | None = None) -> None:
    """Let the loop restore, read and publish what there is, until it waits for decisions in vain."""
    with serving(control_loop, control, bus, pulse=pulse):
        wait_for(lambda: bus.idle[topics.DECISIONS] > 0)


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
    wait_for(lambda: control.current() is not None and control.current().status == "rolled_back")
    (letter,) = [codec.decode(record) for record in bus.logs[topics.DEAD_LETTERS, 0]]
    assert isinstance(letter, DeadLettered)
    assert (letter.topic, letter.offset, b64decode(letter.payload)) == (topics.DECISIONS, 0, b"what?")
    assert "not a CloudEvent" in letter.reason


@pytest.mark.usefixtures("loop")
def test_a_broken_record_as_large_as_a_broker_takes_stops_nothing_either(
    control: Control, bus: MemoryBus
) -> None:
    control.start(spec())
    large = Encoded(topics.DECISIONS, b"r1", (), b"x" * (BROKER_RECORD_BYTES - 100))
    publish(bus, large, decision())
    wait_for(lambda: control.current() is not None and control.current().status == "rolled_back")
    (letter,) = [codec.decode(record) for record in bus.logs[topics.DEAD_LETTERS, 0]]
    assert isinstance(letter, DeadLettered)
    assert b64decode(letter.payload) == b"x" * PAYLOAD_LIMIT


def test_a_foreign_record_stops_nothing_where_the_broker_takes_smaller_records_than_the_letter(
    control: Control, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.bus.memory_bus.BROKER_RECORD_BYTES", 950_000)
    control.start(spec())
    publish(bus, Encoded(topics.DECISIONS, b"r1", (), b"x" * 900_000), decision())
    monkeypatch.setattr("telemetry.bus.memory_bus.BROKER_RECORD_BYTES", 100_000)
    once(control, bus)
    assert control.current() is not None
    assert control.current().status == "rolled_back"
    (letter,) = [codec.decode(record) for record in bus.logs[topics.DEAD_LETTERS, 0]]
    assert isinstance(letter, DeadLettered)
    assert (letter.payload, letter.offset) == ("", 0)


def test_a_decision_that_control_cannot_handle_is_buried_and_the_next_one_acts(
    control: Control, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    control.start(spec())
    bad, good = decision("promote"), decision()
    decide, pulse = control.decide, Pulse("control-loop")

    def mistaken(made: DecisionMade) -> None:
        if made.event_id == bad.event_id:
            raise KeyError("a mistake of ours")
        decide(made)

    monkeypatch.setattr(control, "decide", mistaken)
    publish(bus, bad, good)
    once(control, bus, pulse)
    assert control.current() is not None
    assert control.current().status == "rolled_back"
    (letter,) = [codec.decode(record) for record in bus.logs[topics.DEAD_LETTERS, 0]]
    assert isinstance(letter, DeadLettered)
    assert letter.reason == "control cannot handle it: KeyError: 'a mistake of ours'"
    assert (pulse.alarms, "Traceback" in caplog.text) == (1, True)


def test_a_mistake_outside_of_any_record_starts_the_loop_over(
    control: Control, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.control.loop.RETRY_S", 0.01)
    control.start(spec())
    pulse, mistakes = Pulse("control-loop"), iter([KeyError("one"), ValueError("two")])
    restore = control.restore

    def mistaken(published: list[RolloutChanged]) -> None:
        for mistake in mistakes:
            raise mistake
        restore(published)

    monkeypatch.setattr(control, "restore", mistaken)
    publish(bus, decision())
    with serving(control_loop, control, bus, pulse=pulse):
        wait_for(lambda: control.current() is not None and control.current().status == "rolled_back")
        wait_for(lambda: health([pulse]).status == "ok")
    assert pulse.alarms == 2


def test_no_dead_letter_is_sent_again_after_a_start_over(
    control: Control, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.control.loop.RETRY_S", 0.01)
    publish(bus, Encoded(topics.DECISIONS, b"r1", (), b"what?"))
    with serving(control_loop, control, bus):
        wait_for(lambda: bus.idle[topics.DECISIONS] > 0)
        bus.down = True
        wait_for(lambda: bus.refused >= 2)
        bus.down = False
        seen = bus.idle[topics.DECISIONS]
        wait_for(lambda: bus.idle[topics.DECISIONS] > seen)
    assert len(bus.logs[topics.DEAD_LETTERS, 0]) == 1


def test_a_broker_that_is_away_is_told_until_it_is_back(
    control: Control, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.control.loop.RETRY_S", 0.01)
    pulse = Pulse("control-loop")
    bus.down = True
    with serving(control_loop, control, bus, pulse=pulse):
        wait_for(lambda: bus.refused >= 2)
        assert health([pulse]).status == "no_broker"
        bus.down = False
        wait_for(lambda: health([pulse]).status == "ok")


def test_a_state_that_no_broker_takes_is_an_alarm_and_decisions_act_all_the_same(
    control: Control, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.start(spec(salt="s" * 10_000))
    publish(bus, decision())
    monkeypatch.setattr("telemetry.bus.memory_bus.BROKER_RECORD_BYTES", 5_000)
    pulse = Pulse("control-loop")
    once(control, bus, pulse)
    assert control.current() is not None
    assert control.current().status == "rolled_back"
    assert (pulse.alarms, list(control.outbox)) == (2, [])


@pytest.mark.usefixtures("loop")
def test_an_event_of_another_kind_among_the_decisions_asks_nothing(control: Control, bus: MemoryBus) -> None:
    control.start(spec())
    stray = codec.encode(started(rollout_id="r2"))
    publish(bus, replace(stray, topic=topics.DECISIONS), decision())
    wait_for(lambda: control.current() is not None and control.current().status == "rolled_back")
    with pytest.raises(UnknownRollout):
        control.rollout("r2")
    assert bus.logs[topics.DEAD_LETTERS, 0] == []


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
    assert control.current() is not None
    assert control.current().status == "ramping"
    (tmp_path / "rollout.json").rmdir()
    wait_for(lambda: control.current() is not None and control.current().status == "rolled_back")


@pytest.mark.usefixtures("loop")
def test_a_file_that_cannot_be_written_keeps_no_other_routes_rollback_waiting(
    control: Control, bus: MemoryBus, tmp_path: Path
) -> None:
    control.start(spec())
    control.start(spec(rollout_id="r2", route="sql"))
    (tmp_path / "rollout.json").unlink()
    (tmp_path / "rollout.json").mkdir()
    publish(bus, decision("roll_back", "r1"), decision("roll_back", "r2"))
    wait_for(lambda: control.rollout("r2").status == "rolled_back")
    assert control.rollout("r1").status == "ramping"
    (tmp_path / "rollout.json").rmdir()
    wait_for(lambda: control.rollout("r1").status == "rolled_back")


def test_what_the_topic_knows_and_no_file_can_hold_keeps_no_other_route_waiting(
    bus: MemoryBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control whose disk was lost, and has a folder where one route's file should be."""
    monkeypatch.setattr("router.control.loop.RETRY_S", 0.05)
    publish(bus, started(), started(rollout_id="r2", route="sql"))
    publish(bus, decision("roll_back", "r1"), decision("roll_back", "r2"))
    (tmp_path / "rollout.json").mkdir()
    control = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl")
    with serving(control_loop, control, bus):
        wait_for(lambda: (sql := control.current("sql")) is not None and sql.status == "rolled_back")
        assert control.current("default") is None
        (tmp_path / "rollout.json").rmdir()
        wait_for(lambda: (one := control.current("default")) is not None and one.status == "rolled_back")


@pytest.mark.parametrize("broker", ["away", "none"])
def test_the_rollback_window_closes_without_a_broker_too(
    tmp_path: Path, bus: MemoryBus, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.control.loop.RETRY_S", 0.02)
    moment = NOON
    control = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl", lambda: moment)
    control.start(spec((0.5,)))
    control.act("r1", Promote("ada", "good"))
    bus.down = True
    loop = (control_loop, control, bus) if broker == "away" else (without_a_bus, control)
    with serving(*loop):
        moment += timedelta(days=31)
        wait_for(lambda: control.current() is not None and control.current().status == "closed")


def test_the_topic_restores_what_the_file_does_not_know(
    control: Control, bus: MemoryBus, tmp_path: Path
) -> None:
    state = started()
    write_rollout(tmp_path / "rollout.json", state)
    control = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl")
    publish(bus, state, rolled_back(state))
    once(control, bus)
    assert control.current() == rolled_back(state)
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
    assert control.current() == promoted(state)


def test_a_state_that_cannot_be_read_is_passed_over_and_the_others_are_taken_on(
    control: Control, bus: MemoryBus, caplog: pytest.LogCaptureFixture
) -> None:
    state = started()
    publish(bus, state, Encoded(topics.ROLLOUTS, b"r1", (), b"what?"), rolled_back(state))
    once(control, bus)
    assert control.current() == rolled_back(state)
    assert "belay.rollouts/0 at offset 1" in caplog.text


def test_what_happens_while_control_stops_is_published_before_it_ends(
    control: Control, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.start(spec())
    stop = threading.Event()

    def last_word() -> None:
        control.act("r1", RollBack("ada", "at the last moment"))
        stop.set()

    monkeypatch.setattr(control, "tick", last_word)  # the last thing that the loop does in a round
    control_loop(control, bus, stop)
    assert [state.status for state in published(bus)] == ["ramping", "rolled_back"]


def test_the_audit_log_is_published_once_also_over_a_restart(
    control: Control, bus: MemoryBus, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    audit = AuditLog(file)
    control.followers.append(audit.changed)
    control.start(spec())
    for _ in range(2):
        polled = bus.idle[topics.DECISIONS]
        with serving(partial(control_loop, audit=AuditLog(file)), control, bus):
            wait_for(lambda before=polled: bus.idle[topics.DECISIONS] > before + 1)
    (entry,) = [codec.decode(record) for record in bus.logs[topics.AUDIT_LOG, 0]]
    assert isinstance(entry, ChangeAudited)
    assert [entry.sha256] == [json.loads(line)["sha256"] for line in audit.lines()]


def test_a_window_that_cannot_be_closed_yet_is_closed_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.control.loop.RETRY_S", 0.02)
    moment = NOON
    control = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl", lambda: moment)
    control.start(spec((0.5,)))
    control.act("r1", Promote("ada", "good"))
    moment += timedelta(days=31)
    (tmp_path / "rollout.json").unlink()
    (tmp_path / "rollout.json").mkdir()
    with serving(without_a_bus, control):
        wait_for(lambda: caplog.text.count("what is due waits") >= 2)
        (tmp_path / "rollout.json").rmdir()
        wait_for(lambda: control.current() is not None and control.current().status == "closed")
