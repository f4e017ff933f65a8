import random

import numpy as np
import pytest

from evaluator.watch.evidence.memory import LEFT_OUT, SMALLEST, Filter, Memory, hashed, met


def _hashes(count, seed=1):
    return np.random.default_rng(seed).integers(0, 2**64, size=count, dtype=np.uint64)


def test_nobody_is_forgotten():
    memory = Memory(limit=10**6)
    hashes = _hashes(30_000)
    memory.meet_all(hashes, 0.25)
    assert all(memory.share_of(met(int(h))) == 0.25 for h in hashes)


def test_few_are_taken_for_somebody_else():
    full = Filter(SMALLEST * 4)
    full.add_all(_hashes(full.room))
    strangers = [met(int(h)) for h in _hashes(40_000, seed=2)]
    taken = sum(stranger in full for stranger in strangers) / len(strangers)
    assert taken < 0.001


def test_the_last_share_counts():
    memory = Memory(limit=10**6)
    subject = met(hashed("a"))
    for share in (0.05, 0.25, 0.5):
        assert memory.share_of(subject) < share
        memory.meet(subject, share)
        assert memory.share_of(subject) == share


def test_whoever_is_met_late_at_a_smaller_share_is_remembered_at_the_present_one():
    memory = Memory(limit=10**6)
    memory.meet(met(hashed("a")), 0.5)
    memory.meet(met(hashed("b")), 0.25)
    assert memory.share_of(met(hashed("b"))) == 0.5


@pytest.mark.parametrize("limit", [10**6, 5_000])
def test_many_at_once_are_the_same_bits_as_one_by_one(limit):
    hashes = _hashes(40_000)
    single, whole = Memory(limit), Memory(limit)
    for h in hashes:
        single.meet(met(int(h)), 0.25)
    whole.meet_all(hashes, 0.25)
    assert single.count == whole.count
    probes = [met(int(h)) for h in [*hashes[:2000], *_hashes(20_000, seed=3)]]
    assert [single.share_of(p) for p in probes] == [whole.share_of(p) for p in probes]
    assert single.taken_bytes == whole.taken_bytes


def test_beyond_the_limit_a_part_is_left_out_whichever_arm_it_has_and_memory_stays_bounded():
    memory, rng = Memory(limit=20_000), random.Random(4)
    left_out = {True: 0, False: 0}
    came = {True: 0, False: 0}
    for n in range(200_000):
        u = rng.random()
        subject = met(hashed(f"{n}/{u}"))
        came[u < 0.5] += 1
        if memory.share_of(subject) == LEFT_OUT:
            left_out[u < 0.5] += 1
        else:
            memory.meet(subject, 0.5)
    assert memory.count < 80_000
    assert min(left_out.values()) > 50_000
    assert abs(left_out[True] / came[True] - left_out[False] / came[False]) < 0.01


def test_a_hundred_million_subjects_fit_into_250_megabytes():
    """By the sizes alone: what filters for so many take."""
    memory = Memory(limit=100_000_000)
    taken = 0
    while taken < 100_000_000:
        filter_ = memory._open(0.5)
        taken += filter_.room
        filter_.count = filter_.room
        filter_._bytes = bytearray()
    assert memory.taken_bytes <= 250_000_000
