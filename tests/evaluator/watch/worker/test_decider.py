"""The decider: each score once, in the order of the log, and the same decisions whoever folds them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.watch.worker.decider import LONGEST, Decider
from evaluator.watch.worker.tracked import KEPT_ENDED
from telemetry import topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.errors import BrokerUnavailable
from telemetry.events import DeadLettered, DecisionMade, ScoreRecorded, SnapshotHead, SnapshotTaken
from tests.evaluator.support.logs import GoesAway, announced, events, publish, publish_raw, records
from tests.evaluator.support.scores import rollout, score, stream

DROP = {"target": (0.8, 0.9), "facts": (0.9, 0.2), "json": (0.9, 0.9)}


@pytest.fixture
def bus() -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    return bus


def regression(count: int = 900) -> list[ScoreRecorded]:
    return list(stream(count, seed=3, means=DROP))


def run(bus: MemoryBus, *, save: bool = True, **options: float) -> Decider:
    """A decider that restores, reads all there is, and ends."""
    decider = Decider(bus, **options)
    decider.restore()
    while decider.step(0.0):
        pass
    decider.close(save=save)
    return decider


def decisions(bus: MemoryBus) -> list[tuple[tuple[tuple[str, bytes], ...], bytes | None]]:
    return [(record.headers, record.value) for record in records(bus, topics.DECISIONS)]


def test_a_regression_ends_in_one_roll_back(bus: MemoryBus) -> None:
    publish(bus, [announced(rollout()), *regression()])
    decider = run(bus)
    rolled_back = [d for d in events(bus, topics.DECISIONS) if d.action == "roll_back"]
    assert len(rolled_back) == 1
    assert "facts" in rolled_back[0].reason
    assert decider.rollouts["r1"].evidence.settled == 900


def test_a_roll_back_is_logged_with_the_ids_by_which_others_find_it(
    bus: MemoryBus, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    publish(bus, [announced(rollout()), *regression()])
    run(bus)
    (made,) = (d for d in events(bus, topics.DECISIONS) if d.action == "roll_back")
    (line,) = (record for record in caplog.records if record.message.startswith("roll_back of"))
    assert (vars(line)["rollout_id"], vars(line)["decision_id"]) == ("r1", made.event_id)
    assert not any(record.message.startswith("hold of") for record in caplog.records)


def test_scores_delivered_twice_change_nothing(bus: MemoryBus) -> None:
    twice = MemoryBus()
    twice.ensure_topics()
    scores = regression()
    publish(bus, [announced(rollout()), *scores])
    publish(twice, [announced(rollout()), *(s for s in scores for _ in range(2))])
    once, doubled = run(bus), run(twice)
    assert doubled.duplicates == len(scores)
    assert doubled.rollouts["r1"].evidence.e_value == once.rollouts["r1"].evidence.e_value
    assert [d.event_id for d in events(twice, topics.DECISIONS)] == [
        d.event_id for d in events(bus, topics.DECISIONS)
    ]


@pytest.mark.parametrize("killed_after", [1, 250, 499, 500, 501, 700])
@pytest.mark.parametrize("clean", [True, False])
def test_a_successor_comes_to_the_same_bytes(bus: MemoryBus, killed_after: int, clean: bool) -> None:
    whole = MemoryBus()
    whole.ensure_topics()
    scores = regression()
    publish(whole, [announced(rollout()), *scores])
    run(whole)
    publish(bus, [announced(rollout()), *scores[:killed_after]])
    run(bus, save=clean, snapshot_every=100)
    publish(bus, scores[killed_after:])
    run(bus, snapshot_every=100)
    assert decisions(bus) == decisions(whole)


OPERATIONS = ("score", "score", "score", "again", "junk", "step", "restart", "crash")


@settings(max_examples=25)
@given(operations=st.lists(st.sampled_from(OPERATIONS), min_size=1, max_size=60), seed=st.integers(0, 10**6))
def test_any_interleaving_of_deaths_duplicates_and_junk_gives_the_same_decisions_and_evidence(
    operations: list[str], seed: int
) -> None:
    rng = random.Random(seed)
    scores = regression(len(operations) + 170)
    bus, whole = MemoryBus(), MemoryBus()
    for each in (bus, whole):
        each.ensure_topics()
        publish(each, [announced(rollout()), *scores[:170]])
    told, decider = 170, restored(bus)
    for operation in operations:
        if operation in ("score", "again"):
            one = scores[told] if operation == "score" else scores[rng.randrange(told)]
            told += operation == "score"
            publish(bus, [one])
            publish(whole, [one])
        elif operation == "junk":
            publish_raw(bus, topics.SCORES, b"junk")
            publish_raw(whole, topics.SCORES, b"junk")
        elif operation == "step":
            decider.step(0.0)
        else:
            decider.close(save=operation == "restart")
            decider = restored(bus)
    while decider.step(0.0):
        pass
    straight = restored(whole)
    while straight.step(0.0):
        pass
    assert decisions(bus) == decisions(whole)
    assert len(decisions(whole)) >= 1
    mine, theirs = (d.rollouts["r1"].evidence.to_snapshot() for d in (decider, straight))
    assert mine == theirs
    decider.close()
    straight.close()


def restored(bus: MemoryBus) -> Decider:
    decider = Decider(bus, snapshot_every=7)
    decider.restore()
    return decider


def test_a_successor_reads_only_what_came_after_the_snapshot(bus: MemoryBus) -> None:
    publish(bus, [announced(rollout()), *regression(50)])
    run(bus)
    seen: list[int] = []
    publish(bus, [score(1000)])
    decider = Decider(bus, on_settled=lambda tracked: seen.append(tracked.evidence.last_offset))
    decider.restore()
    decider.step(0.0)
    decider.close()
    assert seen == [50]
    assert decider.duplicates == 0


def heads(bus: MemoryBus) -> list[SnapshotHead]:
    return [e for e in events(bus, topics.SNAPSHOTS) if isinstance(e, SnapshotHead)]


def test_a_record_among_the_snapshots_that_is_none_is_a_dead_letter(bus: MemoryBus) -> None:
    publish(bus, [announced(rollout()), *regression(20)])
    publish_raw(bus, topics.SNAPSHOTS, b"junk")
    decider = run(bus)
    assert decider.rollouts["r1"].evidence.settled == 20
    assert [d.topic for d in events(bus, topics.DEAD_LETTERS)] == [topics.SNAPSHOTS]


def test_a_snapshot_of_an_older_version_is_passed_over_and_the_fold_begins_at_the_beginning(
    bus: MemoryBus, caplog: pytest.LogCaptureFixture
) -> None:
    old = SnapshotTaken(source="test", rollout_id="r1", partition=0, offset=5, state={"version": 6})
    publish(bus, [announced(rollout()), *regression(20), old])
    assert run(bus).rollouts["r1"].evidence.settled == 20
    assert "older version" in caplog.text


def test_a_snapshot_is_taken_every_so_many_scores_and_at_the_end(bus: MemoryBus) -> None:
    publish(bus, [announced(rollout())])
    decider = Decider(bus, snapshot_every=10)
    decider.restore()
    for number in range(25):
        publish(bus, [score(number)])
        decider.step(0.0)
    decider.close()
    assert [s.offset for s in heads(bus)] == [-1, 9, 19, 24]


def test_a_new_rollout_is_a_snapshot_at_once_so_that_nobody_reads_what_came_before_it(bus: MemoryBus) -> None:
    publish(bus, [announced(rollout()), *regression(30)])
    decider = Decider(bus)
    decider.restore()
    decider.step(0.0)
    publish(bus, [announced(SECOND)])
    decider.step(0.0)
    assert [(s.rollout_id, s.offset) for s in heads(bus)] == [("r1", -1), ("second", 29)]
    publish(bus, [score(500, rollout_id="second")])
    decider = run(bus)
    assert decider.rollouts["second"].evidence.settled == 1


SECOND = rollout().model_copy(update={"rollout_id": "second"})


@pytest.mark.parametrize("save", [True, False])
@pytest.mark.parametrize("restarts", [False, True])
def test_scores_of_a_rollout_that_nobody_announced_wait_in_kafka_however_long(
    bus: MemoryBus, save: bool, restarts: bool
) -> None:
    """Control may be away by design; who announces the rollout in the end finds all of its scores folded."""
    publish(bus, [announced(rollout())])
    early = [score(n, rollout_id="second") for n in range(5)]
    whole, straight = MemoryBus(), [announced(SECOND), *early, score(900, rollout_id="second")]
    whole.ensure_topics()
    publish(whole, straight)
    decider = Decider(bus, snapshot_every=2)
    decider.restore()
    for number, one in enumerate(early):
        publish(bus, [one, score(100 + number)])
        decider.step(0.0)
        if restarts:
            decider.close(save=save)
            decider = Decider(bus, snapshot_every=2)
            decider.restore()
    assert list(decider.known.unannounced.places) == ["second"]
    publish(bus, [announced(SECOND)])
    decider.step(0.0)
    publish(bus, [score(900, rollout_id="second")])
    while decider.step(0.0):
        pass
    decider.close()
    mine, theirs = decider.rollouts["second"].evidence, run(whole).rollouts["second"].evidence
    assert (mine.settled, mine.last_score) == (6, theirs.last_score)
    assert decider.rollouts["r1"].evidence.settled == 5
    assert not records(bus, topics.DEAD_LETTERS)


def test_a_rollout_whose_scores_are_rare_is_not_read_again_from_its_last_snapshot_on(bus: MemoryBus) -> None:
    publish(bus, [announced(rollout()), announced(SECOND), score(0, rollout_id="second")])
    run(bus)
    for number in range(1, 60):
        publish(bus, [score(number)])
    run(bus)
    publish(bus, [score(100), score(101, rollout_id="second"), score(102)])
    decider = Decider(bus)
    decider.restore()
    assert decider.step(0.0) == 2 + 3  # the rollouts' states, and what came since
    decider.close()
    assert decider.rollouts["second"].evidence.settled == 2


def test_a_rollout_whose_scores_are_rare_has_a_snapshot_in_the_end(bus: MemoryBus) -> None:
    publish(bus, [announced(rollout()), announced(SECOND)])
    decider = Decider(bus, snapshot_every=5)
    decider.restore()
    publish(bus, [score(0, rollout_id="second")])
    for number in range(1, 5 * LONGEST + 10):
        publish(bus, [score(number)])
        decider.step(0.0)
    assert [head.rollout_id for head in heads(bus)].count("second") == 2
    decider.close(save=False)


@settings(max_examples=25)
@given(
    operations=st.lists(
        st.sampled_from(["often", "often", "often", "rare", "step", "step", "restart", "crash", "torn"]),
        max_size=80,
    ),
    seed=st.integers(0, 10**6),
)
def test_two_rollouts_come_to_the_same_bits_whatever_dies_in_between(
    operations: list[str], seed: int
) -> None:
    rng = random.Random(seed)
    bus, whole = MemoryBus(), MemoryBus()
    for each in (bus, whole):
        each.ensure_topics()
        publish(each, [announced(rollout()), announced(SECOND)])
    told, decider = 0, restored(bus)
    for operation in operations:
        if operation in ("often", "rare"):
            one = score(
                told, rollout_id="r1" if operation == "often" else "second", value=float(rng.random() < 0.7)
            )
            told += 1
            publish(bus, [one])
            publish(whole, [one])
        elif operation == "step":
            decider.step(0.0)
        else:
            decider.close(save=operation != "crash")
            if operation == "torn":  # the last pieces did not arrive any more
                log = bus.logs[topics.SNAPSHOTS, 0]
                del log[len(log) - rng.randrange(min(3, len(log))) :]
            decider = restored(bus)
    straight = restored(whole)
    for each in (decider, straight):
        while each.step(0.0):
            pass
        each.close()
    for name in ("r1", "second"):
        mine, theirs = decider.rollouts[name].evidence, straight.rollouts[name].evidence
        assert (mine.settled, mine.digest, mine.e_value) == (theirs.settled, theirs.digest, theirs.e_value)


def test_a_rollout_that_cannot_be_watched_stops_no_other(bus: MemoryBus) -> None:
    heavy = tuple(c.model_copy(update={"weight": 5.0 / 5.0}) for c in SECOND.capabilities)
    broken = announced(SECOND.model_copy(update={"capabilities": heavy}))
    empty = announced(rollout().model_copy(update={"rollout_id": "third"})).model_copy(
        update={"spec": rollout().model_copy(update={"rollout_id": "third", "stages": ()})}
    )
    publish(bus, [announced(rollout()), broken, empty, score(0), score(1, rollout_id="second"), score(2)])
    for _ in range(2):
        decider = run(bus)
        assert decider.rollouts["r1"].evidence.settled == 2
        assert set(decider.known.refused) == {"second", "third"}


def test_a_score_of_a_stage_that_the_rollout_does_not_have_is_a_dead_letter(bus: MemoryBus) -> None:
    publish(bus, [announced(rollout()), score(0, stage=99), score(1)])
    decider = run(bus)
    assert decider.rollouts["r1"].evidence.settled == 1
    (letter,) = events(bus, topics.DEAD_LETTERS)
    assert isinstance(letter, DeadLettered)
    assert "stage 99" in letter.reason


def test_a_rollout_whose_evidence_breaks_is_held_with_the_reason_and_others_go_on(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(bus, [announced(rollout()), announced(SECOND), score(0), score(1, rollout_id="second")])
    decider = Decider(bus)
    decider.restore()
    decider.step(0.0)

    def breaks(*_: object) -> bool:
        raise ZeroDivisionError("float division by zero")

    monkeypatch.setattr(decider.rollouts["second"].evidence, "settle", breaks)
    publish(bus, [score(2, rollout_id="second"), score(3, rollout_id="second"), score(4)])
    decider.step(0.0)
    decider.close()
    (held,) = [d for d in events(bus, topics.DECISIONS) if isinstance(d, DecisionMade)]
    assert (held.rollout_id, held.action) == ("second", "hold")
    assert "division by zero" in held.reason
    assert decider.rollouts["r1"].evidence.settled == 2
    assert decider.late == 1


@pytest.mark.parametrize("again", [10, 80])
def test_a_topic_that_was_made_anew_ends_in_a_hold_that_says_so_and_says_it_once(
    bus: MemoryBus, again: int
) -> None:
    publish(bus, [announced(rollout()), *regression(30)])
    run(bus)
    bus.delete(topics.SCORES)
    bus.ensure_topics()
    publish(bus, [*regression(again), announced(SECOND), score(500, rollout_id="second")])
    for _ in range(3):
        decider = run(bus)
        (held,) = [d for d in events(bus, topics.DECISIONS) if isinstance(d, DecisionMade)]
        assert held.action == "hold"
        assert "is another topic" in held.reason
        assert decider.rollouts["r1"].evidence.settled == 30
        assert decider.rollouts["second"].evidence.settled == 1
        assert decider.duplicates == 0


def test_a_topic_that_was_made_anew_before_a_snapshot_had_any_score_ends_in_that_hold_too(
    bus: MemoryBus,
) -> None:
    publish(bus, [announced(rollout())])
    run(bus)
    publish(bus, regression(30))
    bus.delete(topics.SCORES)
    bus.ensure_topics()
    for _ in range(2):
        decider = run(bus)
        (held,) = [d for d in events(bus, topics.DECISIONS) if isinstance(d, DecisionMade)]
        assert "is another topic" in held.reason
        assert decider.rollouts["r1"].last_decision == held


def test_offsets_that_begin_anew_end_in_a_hold_where_the_broker_names_no_id(bus: MemoryBus) -> None:
    publish(bus, [announced(rollout()), *regression(30)])
    decider = Decider(bus)
    decider.restore()
    decider.step(0.0)
    decider._reader.seek(topics.SCORES, 0, 0)
    decider.step(0.0)
    decider.close()
    (held,) = [d for d in events(bus, topics.DECISIONS) if isinstance(d, DecisionMade)]
    assert "began anew" in held.reason
    assert decider.duplicates == 0


def test_scores_that_retention_took_before_they_were_folded_are_not_passed_over_in_silence(
    bus: MemoryBus,
) -> None:
    publish(bus, [announced(rollout()), *regression(30)])
    run(bus)
    publish(bus, regression(60)[30:])
    bus.forget(topics.SCORES, 0, 50)
    decider = run(bus)
    (held,) = [d for d in events(bus, topics.DECISIONS) if isinstance(d, DecisionMade)]
    assert "keeps nothing before offset 50" in held.reason
    assert decider.rollouts["r1"].evidence.settled == 30


def test_a_rollout_that_ended_leaves_memory_and_the_topic(bus: MemoryBus) -> None:
    publish(bus, [announced(rollout()), *regression(100)])
    decider = Decider(bus, linger_s=0.0, snapshot_every=10)
    decider.restore()
    decider.step(0.0)
    summary = decider.rollouts["r1"].evidence.summary()
    publish(bus, [announced(rollout(), revision=2, status="rolled_back")])
    decider.step(0.0)
    tracked = decider.rollouts["r1"]
    assert tracked.over
    assert tracked.evidence.draws.size == 0
    left = {record.key: record for record in records(bus, topics.SNAPSHOTS)}
    assert all(record.is_tombstone for key, record in left.items() if b"/met/" in (key or b""))
    publish(bus, regression(105)[100:])
    decider.step(0.0)
    assert decider.late > 0
    decider.close()
    assert run(bus).rollouts["r1"].evidence.summary() == summary


def test_what_is_left_about_subjects_of_a_rollout_that_ended_while_no_decider_was_there_is_withdrawn(
    bus: MemoryBus,
) -> None:
    publish(bus, [announced(rollout()), *regression(50)])
    run(bus)
    publish(bus, [announced(rollout(), revision=2, status="rolled_back")])
    assert run(bus).rollouts["r1"].evidence.settled == 50
    left = {record.key: record for record in records(bus, topics.SNAPSHOTS)}
    assert all(record.is_tombstone for key, record in left.items() if b"/met/" in (key or b""))


def test_only_the_last_of_many_rollouts_that_ended_are_kept(bus: MemoryBus) -> None:
    for number in range(40):
        spec = rollout().model_copy(update={"rollout_id": f"old-{number}"})
        publish(bus, [announced(spec), announced(spec, revision=2, status="closed")])
    publish(bus, [announced(rollout())])
    decider = run(bus)
    assert len(decider.rollouts) == KEPT_ENDED + 1
    assert decider.rollouts["r1"].live


def test_an_unknown_capability_and_an_unreadable_record_become_dead_letters(bus: MemoryBus) -> None:
    publish(bus, [announced(rollout()), score(0, capability="nobody_named_it")])
    publish_raw(bus, topics.SCORES, b"\xff not an event")
    publish(bus, [score(2)])
    decider = run(bus)
    reasons = [d.reason for d in events(bus, topics.DEAD_LETTERS)]
    assert len(reasons) == 2
    assert "nobody_named_it" in reasons[0]
    assert decider.rollouts["r1"].evidence.settled == 1


def test_late_scores_of_a_rollout_that_ended_are_counted_and_left_alone(bus: MemoryBus) -> None:
    publish(bus, [announced(rollout()), *regression()])
    run(bus)
    before = decisions(bus)
    publish(bus, [announced(rollout(), revision=2, status="rolled_back"), *regression()[:5]])
    decider = run(bus)
    assert decider.late > 0
    assert decider.rollouts["r1"].evidence.settled == 900
    assert decisions(bus) == before


def test_a_decision_that_is_in_kafka_is_not_sent_again(bus: MemoryBus) -> None:
    publish(bus, [announced(rollout()), *regression()])
    run(bus, save=False)
    sent = decisions(bus)
    run(bus, save=False)
    assert sent
    assert decisions(bus) == sent


def test_a_decision_that_could_not_be_sent_is_sent_by_the_successor(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(bus, [announced(rollout()), *regression(600)])
    decider = Decider(bus)
    decider.restore()
    monkeypatch.setattr(decider, "_reader", GoesAway(bus, decider._reader))
    with pytest.raises(BrokerUnavailable):
        decider.step(0.0)
    decider.close(save=False)
    bus.down = False
    assert not decisions(bus)
    run(bus)
    assert "roll_back" in [d.action for d in events(bus, topics.DECISIONS) if isinstance(d, DecisionMade)]
