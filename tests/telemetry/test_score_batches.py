"""Scores in batches: each once, in order, and no record larger than a broker likes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry import codec
from telemetry.bus.protocols import Encoded, Record
from telemetry.events import ScoreRecorded
from telemetry.score_batches import MOST, RECORD_BYTES, indexes, records_of, scores_of
from tests.evaluator.support.scores import score


def read(records: list[Encoded]) -> list[ScoreRecorded]:
    found: list[ScoreRecorded] = []
    for number, encoded in enumerate(records):
        record = Record(encoded.topic, 0, number, encoded.key, encoded.headers, encoded.value, 0)
        found += scores_of(codec.decode(record))
    return found


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["r1", "r2", "r3"]), max_size=40))
def test_those_of_one_rollout_come_back_in_their_order(rollouts: list[str]) -> None:
    scores = [score(number, rollout_id=name) for number, name in enumerate(rollouts)]
    records = list(records_of(scores, "test"))
    assert sorted(s.event_id for s in read(records)) == sorted(s.event_id for s in scores)
    for name in set(rollouts):
        mine = [s for s in scores if s.rollout_id == name]
        assert [s for s in read(records) if s.rollout_id == name] == mine
    assert len(records) == len(set(rollouts))


def test_many_are_cut_by_number_and_large_ones_by_size() -> None:
    many = [score(number) for number in range(2 * MOST + 1)]
    assert [len(read([record])) for record in records_of(many, "test")] == [MOST, MOST, 1]
    wordy = [s.model_copy(update={"unscored_why": "w" * 4000}) for s in many[:100]]
    records = list(records_of(wordy, "test"))
    assert max(record.size for record in records) <= RECORD_BYTES
    assert read(records) == wordy


def test_the_same_scores_are_the_same_record() -> None:
    scores = [score(1), score(2)]
    assert list(records_of(scores, "test")) == list(records_of(scores, "test"))


def test_a_score_is_numbered_within_its_record() -> None:
    assert list(indexes([3, 3, 3, 4, 6, 6])) == [0, 1, 2, 0, 0, 1]
