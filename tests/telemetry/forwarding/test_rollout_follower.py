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
from telemetry.events import RolloutChanged
from telemetry.forwarding.rollout_follower import RolloutFollower, keep
from telemetry.rollout_file import file_of, read_rollout, writer_of
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


def recorded(state: RolloutChanged) -> Record:
    sent = codec.encode(state)
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
