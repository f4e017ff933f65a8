"""Snapshots in pieces: what belongs together comes back to the same bits, what is torn is passed over."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.worker import saving
from evaluator.watch.worker.saving import Keeper
from evaluator.watch.worker.stored import Restored, Stored
from telemetry import codec
from telemetry.bus.protocols import Encoded, Record
from tests.evaluator.support.scores import rollout, score, stream

MEANS = {"target": (0.8, 0.9), "facts": (0.9, 0.6), "json": (0.9, 0.9)}
SPEC = rollout()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks and heads so small that a few scores fill several."""
    monkeypatch.setattr(saving, "CHUNK", 16)
    monkeypatch.setattr("evaluator.watch.worker.stored.CHUNK", 16)
    monkeypatch.setattr(saving, "MOST_PARTS", 3)
    monkeypatch.setattr(saving, "HEAD_CHARACTERS", 700)


def stored(written: list[Encoded]) -> Stored:
    """What a compacted topic holds after these records."""
    latest = {encoded.key: encoded for encoded in written}
    found = Stored()
    for number, encoded in enumerate(latest.values()):
        if encoded.value is not None:
            record = Record(encoded.topic, 0, number, encoded.key, encoded.headers, encoded.value, 0)
            assert found.take(codec.decode(record))
    return found


def saved(counts: list[int], seed: int = 1) -> tuple[list[list[Encoded]], list[RolloutEvidence]]:
    """The records of a snapshot after each of so many scores more, and the evidence that each one is of."""
    evidence, keeper, written, states = RolloutEvidence(SPEC), Keeper("r1"), [], []
    scores = stream(sum(counts), seed=seed, means=MEANS, returning=0.3)
    offset = -1
    for count in counts:
        for _ in range(count):
            offset += 1
            evidence.settle(next(scores), 0, offset)
        written.append(list(keeper.pieces(evidence, offset, "id")))
        states.append(_copy(evidence))
    return written, states


def _copy(evidence: RolloutEvidence) -> dict[str, object]:
    return evidence.to_snapshot()


def restored(written: list[Encoded]) -> Restored | None:
    return stored(written).restore(SPEC)


@pytest.mark.usefixtures("small_chunks")
@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(0, 40), min_size=1, max_size=8),
    cut=st.integers(0, 400),
    seed=st.integers(0, 10**6),
)
def test_whatever_of_the_last_snapshot_was_written_a_whole_one_comes_back(
    counts: list[int], cut: int, seed: int
) -> None:
    written, states = saved(counts, seed)
    *before, last = written
    torn = [encoded for pieces in before for encoded in pieces] + last[: cut % (len(last) + 1)]
    found = restored(torn)
    if found is None:
        assert not before
        return
    whole = cut % (len(last) + 1) == len(last)
    assert found.evidence.to_snapshot() == states[-1 if whole or not before else -2]


@pytest.mark.usefixtures("small_chunks")
@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(0, 40), min_size=2, max_size=6),
    cut=st.integers(0, 400),
    seed=st.integers(0, 10**6),
)
def test_who_goes_on_from_a_restored_snapshot_writes_what_comes_back_the_same(
    counts: list[int], cut: int, seed: int
) -> None:
    """A decider dies within a snapshot, the next folds again what was not in it and saves, a third restores."""
    written, _ = saved(counts, seed)
    *before, last = written
    log = [encoded for pieces in before for encoded in pieces] + last[: cut % (len(last) + 1)]
    found = restored(log)
    evidence, keeper = (
        (found.evidence, found.keeper) if found is not None else (RolloutEvidence(SPEC), Keeper("r1"))
    )
    scores = list(stream(sum(counts) + 60, seed=seed, means=MEANS, returning=0.3))
    for offset in range(evidence.last_offset + 1, len(scores)):
        evidence.settle(scores[offset], 0, offset)
        if offset % 23 == 0:
            log += keeper.pieces(evidence, offset, "id")
    log += keeper.pieces(evidence, len(scores) - 1, "id")
    again = restored(log)
    assert again is not None
    straight = RolloutEvidence(SPEC)
    for offset, one in enumerate(scores):
        straight.settle(one, 0, offset)
    assert again.evidence.to_snapshot() == straight.to_snapshot()
    for offset, one in enumerate(stream(200, seed=seed + 1, means=MEANS, share=0.5), start=len(scores)):
        assert again.evidence.settle(one, 0, offset) == straight.settle(one, 0, offset)
    assert again.evidence.to_snapshot() == straight.to_snapshot()


def test_a_head_whose_entries_are_damaged_is_passed_over_for_the_one_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    written, states = saved([50, 50])
    log = [encoded for pieces in written for encoded in pieces]
    last_entries = max(n for n, encoded in enumerate(log) if b"/met/" in encoded.key)
    damaged = log[last_entries]
    assert damaged.value is not None
    log[last_entries] = Encoded(
        damaged.topic, damaged.key, damaged.headers, damaged.value.replace(b"A", b"B")
    )
    found = restored(log)
    assert found is not None
    assert found.evidence.to_snapshot() == states[0]
    assert "passed over for the one before" in caplog.text


def test_two_deciders_that_write_at_once_leave_a_snapshot_that_is_whole_or_none() -> None:
    """Their pieces mix in the topic; what does not belong together is not taken for one."""
    one, _ = saved([30, 50], seed=1)
    other, _ = saved([31, 52, 3], seed=1)
    mixed = [e for pair in zip(one, other, strict=False) for pieces in pair for e in pieces]
    random.Random(4).shuffle(mixed)
    found = restored(mixed)
    if found is not None:
        straight = RolloutEvidence(SPEC)
        for offset, each in enumerate(stream(86, seed=1, means=MEANS, returning=0.3)):
            if offset <= found.offset:
                straight.settle(each, 0, offset)
        assert found.evidence.e_value == straight.e_value


def test_no_record_is_large_however_many_subjects_came_at_once() -> None:
    written, _ = saved([3000])
    sizes = [encoded.size for pieces in written for encoded in pieces]
    many = Keeper("r1")
    evidence = RolloutEvidence(SPEC)
    evidence.draws._entries += bytes(10 * saving.CHUNK * 10)
    sizes += [encoded.size for encoded in many._subjects(evidence.draws.taken())]
    assert max(sizes) <= 256_000


def test_what_changed_is_written_and_nothing_else() -> None:
    evidence, keeper = RolloutEvidence(SPEC), Keeper("r1")
    for offset, one in enumerate(stream(2000, seed=1, means=MEANS)):
        evidence.settle(one, 0, offset)
    list(keeper.pieces(evidence, 1999, "id"))
    evidence.settle(score(5000), 0, 2000)
    again = list(keeper.pieces(evidence, 2000, "id"))
    assert sum(encoded.size for encoded in again if b"/met/" in encoded.key) < 600


def test_a_rollout_that_ended_withdraws_all_that_is_written_about_subjects() -> None:
    evidence, keeper, written = RolloutEvidence(SPEC), Keeper("r1"), []
    for offset, one in enumerate(stream(300, seed=1, means=MEANS)):
        evidence.settle(one, 0, offset)
        if offset % 100 == 99:
            written += keeper.pieces(evidence, offset, "id")
    left = {encoded.key: encoded.value for encoded in [*written, *keeper.withdrawn()]}
    assert [key for key, value in left.items() if b"/met/" in key and value is not None] == []
