"""The forwarder writes a router's rollout file, unless another process does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from telemetry import codec
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Record
from telemetry.events import Event, WordTableMade
from telemetry.forwarding.rollout_follower import RolloutFollower, keep
from telemetry.rollout_file import file_of, read_rollout, writer_of
from telemetry.word_table import read_table, table_of
from tests.telemetry.samples import rollout


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not what():
        assert time.monotonic() < deadline, "waited for 5 s"
        time.sleep(0.01)


def test_a_file_that_another_process_writes_is_left_alone_until_that_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("telemetry.forwarding.rollout_follower._WAIT_S", 0.01)
    bus, path, stop = MemoryBus(), tmp_path / "rollout.json", threading.Event()
    bus.ensure_topics()
    state = rollout()
    with bus.publisher() as publisher:
        publisher.send(codec.encode(state))
        publisher.flush()
    follower = RolloutFollower(bus, path, stop)
    try:
        with writer_of(path, "the control at here:1"):
            follower.start()
            wait_for(lambda: "is written by the control at here:1" in caplog.text)
            assert read_rollout(path) is None
        wait_for(lambda: read_rollout(path) == state)
    finally:
        stop.set()
        follower.join()
    follower.check()
    assert caplog.text.count("is written by the control") == 1


def recorded(event: Event) -> Record:
    sent = codec.encode(event)
    return Record(sent.topic, 0, 0, sent.key, sent.headers, sent.value, 0)


def test_each_routes_state_goes_into_its_own_file(tmp_path: Path) -> None:
    path = tmp_path / "rollout.json"
    first = rollout("r1")
    other = first.model_copy(
        update={"spec": first.spec.model_copy(update={"rollout_id": "r2", "route": "acme/support"})}
    )
    assert keep(recorded(first), path)
    assert keep(recorded(other), path)
    assert read_rollout(path) == first
    assert read_rollout(file_of(path, "acme/support")) == other


def table(word: str, worker: str = "default") -> WordTableMade:
    made = table_of(("facts", "sums"), 1, (0, 0), {word: (900, 0)})
    return WordTableMade(source="belay/worker", worker=worker, table=made)


def test_the_last_word_table_of_each_worker_lies_where_its_routes_look_for_it(tmp_path: Path) -> None:
    rollouts, tables = tmp_path / "rollout.json", tmp_path / "words.json"
    for made in (table("old"), table("other", "acme/sql"), table("new")):
        assert keep(recorded(made), rollouts, tables)
    for file, word in ((tables, "new"), (file_of(tables, "acme/sql"), "other")):
        found = read_table(file)
        assert found is not None
        assert (found.tag(word), found.tag("old")) == ("facts", None)
    assert not rollouts.exists()


def test_a_router_that_draws_by_no_table_is_given_none(tmp_path: Path) -> None:
    assert not keep(recorded(table("new")), tmp_path / "rollout.json")
    assert list(tmp_path.iterdir()) == []


def test_a_follower_brings_rollouts_and_tables(tmp_path: Path) -> None:
    bus, stop = MemoryBus(), threading.Event()
    bus.ensure_topics()
    rollouts, tables, state, made = (
        tmp_path / "rollout.json",
        tmp_path / "words.json",
        rollout(),
        table("new"),
    )
    with bus.publisher() as publisher:
        for event in (made, state):
            publisher.send(codec.encode(event))
        publisher.flush()
    follower = RolloutFollower(bus, rollouts, stop, tables)
    follower.start()
    try:
        wait_for(lambda: rollouts.exists() and tables.exists())
    finally:
        stop.set()
        follower.join()
    follower.check()
    found = read_table(tables)
    assert read_rollout(rollouts) == state
    assert found is not None
    assert found.version == made.table.version
