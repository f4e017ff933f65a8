"""A subject keeps its replica while that one has room; nobody has much more to do than the others."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.proxy.replicas.choosing import least_loaded, preferred

NUMBERS = st.integers(0, 2**64 - 1)
WEIGHTS = st.sampled_from([0.0, 0.1, 0.5, 1.0, 1.0, 1.0])
REPLICAS = st.lists(st.tuples(NUMBERS, st.integers(0, 50), WEIGHTS), min_size=1, max_size=12).filter(
    lambda each: any(weight for _, _, weight in each)
)
KEYS = [Random(number).getrandbits(64) for number in range(12)]
SUBJECTS = [Random(f"subject {number}").getrandbits(64) for number in range(2_000)]


def at_rest(lot: int, replicas: int, weights: list[float] | None = None) -> int:
    return preferred(lot, KEYS[:replicas], [0] * replicas, weights or [1.0] * replicas, 1.25)


@given(NUMBERS, REPLICAS, st.floats(1.0, 4.0))
def test_every_request_gets_a_replica_that_may_be_asked_and_is_below_the_bound(
    lot: int, replicas: list[tuple[int, int, float]], bound: float
) -> None:
    keys, loads, weights = (list(each) for each in zip(*replicas, strict=True))
    chosen = preferred(lot, keys, loads, weights, bound)
    assert weights[chosen] > 0.0
    total = 1 + sum(load for load, weight in zip(loads, weights, strict=True) if weight)
    assert loads[chosen] + 1 <= math.ceil(bound * total * weights[chosen] / sum(weights) + 1e-9)


@given(NUMBERS, REPLICAS)
def test_the_least_loaded_is_least_loaded_for_its_weight(
    lot: int, replicas: list[tuple[int, int, float]]
) -> None:
    keys, loads, weights = (list(each) for each in zip(*replicas, strict=True))
    chosen = least_loaded(lot, keys, loads, weights)
    assert (loads[chosen] + 1) / weights[chosen] == min(
        (load + 1) / weight for load, weight in zip(loads, weights, strict=True) if weight
    )


@pytest.mark.parametrize("replicas", [2, 3, 8])
def test_a_replica_that_leaves_moves_only_its_own_subjects_and_spreads_them(replicas: int) -> None:
    gone = replicas - 1
    left = [1.0] * gone + [0.0]
    moved: Counter[int] = Counter()
    for subject in SUBJECTS:
        before, after = at_rest(subject, replicas), at_rest(subject, replicas, left)
        assert before in (after, gone)
        moved[after] += before == gone
    assert sum(moved.values()) == pytest.approx(len(SUBJECTS) / replicas, rel=0.25)
    assert all(moved[index] for index in range(gone))


def test_a_replica_that_comes_back_slowly_takes_ever_more_subjects_and_gives_none_away() -> None:
    had: set[int] = set()
    for weight in (0.1, 0.3, 0.6, 1.0):
        has = {subject for subject in SUBJECTS if at_rest(subject, 3, [1.0, 1.0, weight]) == 2}
        assert had <= has
        assert len(has) / len(SUBJECTS) == pytest.approx(weight / (2.0 + weight), abs=0.035)
        had = has


def test_under_any_load_no_replica_is_above_the_bound_and_most_subjects_stay_with_theirs() -> None:
    chance, loads, at_home = Random(7), [0] * 4, 0
    under_way: list[int] = []
    for subject in SUBJECTS:
        chosen = preferred(subject, KEYS[:4], loads, [1.0] * 4, 1.25)
        loads[chosen] += 1
        under_way.append(chosen)
        at_home += chosen == at_rest(subject, 4)
        assert max(loads) <= math.ceil(1.25 * sum(loads) / 4)
        if len(under_way) > 60:
            loads[under_way.pop(chance.randrange(len(under_way)))] -= 1
    assert at_home / len(SUBJECTS) > 0.7


def test_a_busy_subject_is_spread_and_its_other_requests_are_not_alone_in_their_place() -> None:
    loads = [0] * 4
    for _ in range(40):
        loads[preferred(SUBJECTS[0], KEYS[:4], loads, [1.0] * 4, 1.25)] += 1
    assert max(loads) <= 13  # of 40 on 4, a quarter above the mean


def test_where_no_replica_may_be_asked_it_is_said() -> None:
    with pytest.raises(ValueError, match="no replica may be asked"):
        preferred(1, KEYS[:2], [0, 0], [0.0, 0.0], 1.25)
    with pytest.raises(ValueError, match="no replica may be asked"):
        least_loaded(1, KEYS[:2], [0, 0], [0.0, 0.0])
