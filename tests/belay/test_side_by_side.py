"""An update without downtime: old and new processes side by side over one topic lose nothing and judge alike."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from evaluator.watch.worker.decider import Decider
from router.control.actor import Control
from router.control.loop import control_loop
from telemetry import topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Encoded
from telemetry.codec import decode
from telemetry.errors import UnreadableRecord
from telemetry.events import DecisionMade, Event, InteractionRecorded, ScoresRecorded
from telemetry.forwarding.interactions import to_interaction
from telemetry.forwarding.rollout_follower import keep
from telemetry.forwarding.shadow_answers import to_shadow_answer
from telemetry.rollout_file import read_rollout
from tests.evaluator.support.logs import announced, events, publish, records
from tests.evaluator.support.scores import rollout, stream
from tests.evaluator.watch.worker.test_worker import SPEC, regression, rolled_back, until, working
from tests.router.values import decision, started
from tests.telemetry.samples import raw, raw_shadow
from tests.telemetry.versions import FURTHER, in_turns, with_more, written_by

DROP = {"target": (0.8, 0.9), "facts": (0.9, 0.2), "json": (0.9, 0.9)}


def new_bus() -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    return bus


def send(bus: MemoryBus, found: list[Encoded]) -> None:
    with bus.publisher() as publisher:
        for record in found:
            publisher.send(record)
        publisher.flush()


def mixed(sent: list[Event]) -> list[Encoded]:
    """In turns as every version writes them; all of them have to take part."""
    ways, found = zip(*in_turns(sent), strict=True)
    assert {"now", "newer"} <= set(ways)
    assert any(way.endswith(".001.json") for way in ways)
    return list(found)


def judged(bus: MemoryBus, folder: Path, many: int) -> tuple[list[tuple[object, ...]], list[DecisionMade]]:
    """What a worker makes of the interactions: its scores, and its rollbacks."""
    folder.mkdir()
    with working(bus, folder):
        until(lambda: len(events(bus, topics.SCORES)) >= many and bool(rolled_back(bus)))
    assert events(bus, topics.DEAD_LETTERS) == []
    found = [(s.interaction_id, s.capability, s.value, s.unscored) for s in events(bus, topics.SCORES)]
    return sorted(found), rolled_back(bus)


def test_a_worker_scores_what_every_version_recorded_and_rolls_back_all_the_same(tmp_path: Path) -> None:
    plain, side_by_side, sent = new_bus(), new_bus(), regression(300)
    for bus in (plain, side_by_side):
        publish(bus, [announced(SPEC)])
    publish(plain, sent)
    send(side_by_side, mixed(list(sent)))
    scores, (made,) = judged(plain, tmp_path / "plain", 300)
    theirs, (as_well,) = judged(side_by_side, tmp_path / "mixed", 300)
    assert len(scores) == 300
    assert theirs == scores
    assert as_well.proof.blamed == made.proof.blamed


@pytest.mark.parametrize("batched", [False, True])
def test_a_decider_folds_scores_of_every_version_to_the_same_evidence(batched: bool) -> None:
    scores = list(stream(900, seed=3, means=DROP))
    sent: list[Event] = list(scores)
    if batched:
        sent = [
            ScoresRecorded(source="test", rollout_id="r1", scores=tuple(scores[at : at + 10]))
            for at in range(0, 900, 10)
        ]
    plain, side_by_side, folded = new_bus(), new_bus(), []
    publish(plain, sent)
    send(side_by_side, mixed(sent))
    for bus in (plain, side_by_side):
        publish(bus, [announced(rollout())])
        decider = Decider(bus)
        decider.restore()
        while decider.step(0.0):
            pass
        decider.close()
        folded.append(decider.rollouts["r1"].evidence)
        assert events(bus, topics.DEAD_LETTERS) == []
    assert [evidence.settled for evidence in folded] == [900, 900]
    assert folded[0].e_value == folded[1].e_value
    assert [r.headers for r in records(plain, topics.DECISIONS)] == [
        r.headers for r in records(side_by_side, topics.DECISIONS)
    ]


@pytest.mark.parametrize("way", ["newer", "belay.decision.made.001.json"])
def test_control_carries_out_a_roll_back_of_another_version_and_a_forwarder_hears_of_it(
    way: str, tmp_path: Path
) -> None:
    bus, stop = new_bus(), threading.Event()
    send(bus, [written_by("newer", started())])
    control = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl")
    serving = threading.Thread(target=control_loop, args=(control, bus, stop))
    serving.start()
    try:
        send(bus, [written_by(way, decision())])
        until(lambda: any(e.status == "rolled_back" for e in events(bus, topics.ROLLOUTS)))
    finally:
        stop.set()
        serving.join(5)
    assert events(bus, topics.DEAD_LETTERS) == []
    elsewhere = tmp_path / "elsewhere.json"
    for record in records(bus, topics.ROLLOUTS):
        keep(replace(record, value=json.dumps(json.loads(record.value or b"") | FURTHER).encode()), elsewhere)
    state = read_rollout(elsewhere)
    assert state is not None
    assert (state.status, state.share) == ("rolled_back", 0.0)


def test_a_router_reads_the_state_that_a_newer_control_wrote(tmp_path: Path) -> None:
    file, state = tmp_path / "rollout.json", started()
    file.write_text(json.dumps(json.loads(state.model_dump_json()) | FURTHER))
    assert read_rollout(file) == state


def test_a_forwarder_takes_what_a_newer_router_spooled() -> None:
    one = raw()
    other = raw_shadow(str(one.meta["event_id"]))
    assert to_interaction(replace(one, meta=with_more(one.meta)), "full") == to_interaction(one, "full")
    assert to_shadow_answer(replace(other, meta=with_more(other.meta)), "full") == to_shadow_answer(
        other, "full"
    )


def test_a_spec_is_understood_in_full_or_refused() -> None:
    fields = json.loads(started().model_dump_json(exclude={"event_id", "time", "source"}))
    bus = new_bus()
    changed = json.dumps(fields | {"spec": fields["spec"] | FURTHER}).encode()
    send(bus, [replace(written_by("now", started()), value=changed)])
    (record,) = records(bus, topics.ROLLOUTS)
    with pytest.raises(UnreadableRecord, match=r"spec\.from_a_newer_version: Extra"):
        decode(record)


def test_what_is_passed_over_is_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.codec._told", set())
    bus = new_bus()
    send(bus, [written_by("newer", made) for made in regression(3)])
    assert all(isinstance(one, InteractionRecorded) for one in events(bus, topics.INTERACTIONS))
    (line,) = (record.getMessage() for record in caplog.records)
    assert "InteractionRecorded from a newer version" in line
    assert "answer.from_a_newer_version" in line
