"""The drill: what decided and what controlled come to the same state on a broker that was restored from a backup."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from belay.cli import app
from belay.project import load_project
from evaluator.watch.worker.decider import Decider
from router.control.actor import Control
from router.control.loop import control_loop
from telemetry import topics
from telemetry.backup import back_up, restore
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.kafka_bus import KafkaBus
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Bus, Record
from telemetry.events import RolloutChanged, new_id
from telemetry.topics import TOPICS
from tests.evaluator.support.logs import announced, publish
from tests.evaluator.support.scores import rollout, stream
from tests.evaluator.watch.worker.test_worker import regression, until

DROP = {"target": (0.8, 0.9), "facts": (0.9, 0.2), "json": (0.9, 0.9)}


def decided(bus: Bus) -> object:
    """The evidence after all that there is."""
    decider = Decider(bus, snapshot_every=100)
    decider.restore()
    while decider.step(0.2):
        pass
    decider.close()
    return decider.rollouts["r1"].evidence.to_snapshot()


def controlled(bus: Bus, folder: Path) -> RolloutChanged | None:
    """What a new control makes of the topics: its state once it has rolled back."""
    folder.mkdir()
    control, stop = Control(folder / "rollout.json", folder / "control.jsonl"), threading.Event()
    serving = threading.Thread(target=control_loop, args=(control, bus, stop))
    serving.start()
    try:
        until(lambda: (now := control.current()) is not None and now.status == "rolled_back")
    finally:
        stop.set()
        serving.join(5)
    return control.current()


def records(bus: Bus, topic: str) -> list[Record]:
    with bus.reader([topic]) as reader:
        return list(read_to_end(reader))


def by_place(bus: Bus, topic: str) -> dict[tuple[int, int], Record]:
    return {(record.partition, record.offset): record for record in records(bus, topic)}


def restored(bus: Bus, folder: Path) -> MemoryBus:
    """Another broker, with what a backup of this one holds."""
    again = MemoryBus()
    back_up(bus, TOPICS, folder)
    restore(again, folder)
    return again


def test_decider_and_control_come_to_the_same_state_on_a_restored_broker(tmp_path: Path) -> None:
    bus = MemoryBus()
    bus.ensure_topics()
    publish(bus, [announced(rollout()), *stream(900, seed=3, means=DROP)])
    evidence = decided(bus)
    before = restored(bus, tmp_path / "before")
    assert decided(before) == evidence
    assert records(before, topics.DECISIONS) == records(bus, topics.DECISIONS)
    state, again = controlled(bus, tmp_path / "control"), controlled(before, tmp_path / "again")
    assert state is not None
    assert again is not None
    assert (again.decision_id, again.revision, again.share) == (state.decision_id, state.revision, 0.0)
    after = restored(bus, tmp_path / "after")
    assert controlled(after, tmp_path / "once-more") == state


@pytest.mark.kafka
@pytest.mark.slow
def test_at_a_kafka_every_score_and_decision_lies_again_where_it_lay(
    tmp_path: Path, apache_kafka: str
) -> None:
    def belay(*words: str, namespace: str) -> KafkaBus:
        file = tmp_path / f"{namespace}.yaml"
        content = {"route": "r", "base": "b", "brief": "b.yaml", "broker": apache_kafka}
        file.write_text(yaml.safe_dump(content | {"kafka": {"namespace": namespace}}))
        if words:
            given = CliRunner().invoke(app, [*words, str(tmp_path / "b"), "--file", str(file)])
            assert given.exit_code == 0, given.output
        return KafkaBus(load_project(file).bus())

    name, other = f"t{new_id()}", f"t{new_id()}"
    bus = belay(namespace=name)
    bus.ensure_topics()
    publish(bus, [announced(rollout()), *stream(300, seed=3, means=DROP), *regression(40)])
    bus.delete_before(topics.INTERACTIONS, {0: 3, 1: 1})
    evidence = decided(bus)
    belay("backup", namespace=name)
    again = belay("restore", namespace=other)
    for topic in (topics.INTERACTIONS, topics.SCORES, topics.DECISIONS):
        assert by_place(again, topic) == by_place(bus, topic)
    assert decided(again) == evidence
