"""No subject makes the map."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.map.discovering.weights import LARGEST_PART, capped_weights


def test_one_who_sends_half_of_the_traffic_weighs_a_twentieth() -> None:
    subjects = ["heavy"] * 1_000 + [f"s{n % 200}" for n in range(1_000)]
    weights = capped_weights(subjects)
    assert sum(weights[:1_000]) / sum(weights) == pytest.approx(LARGEST_PART, abs=1e-6)
    assert set(weights[1_000:]) == {1.0}


def test_where_nobody_is_known_every_query_counts() -> None:
    assert capped_weights([None] * 30) == [1.0] * 30


def test_few_subjects_weigh_twice_an_even_part_at_most() -> None:
    weights = capped_weights(["a"] * 100 + ["b", "c", "d", "e"])
    assert sum(weights[:100]) / sum(weights) == pytest.approx(0.4, abs=1e-6)
    assert capped_weights(["a"] * 5) == [1.0] * 5


@given(st.lists(st.sampled_from([None, "a", "b", "c", "d"]), min_size=1, max_size=200))
def test_a_weight_lies_in_0_to_1_and_no_known_subject_is_above_its_part(subjects: list[str | None]) -> None:
    weights = capped_weights(subjects)
    assert all(0.0 < weight <= 1.0 for weight in weights)
    everybody = len({s for s in subjects if s is not None}) + subjects.count(None)
    part = max(LARGEST_PART, 2 / everybody)
    for name in {s for s in subjects if s is not None}:
        mine = sum(weight for weight, s in zip(weights, subjects, strict=True) if s == name)
        assert mine <= part * sum(weights) + 1e-6 or mine <= 1.0 + 1e-6
