"""The floor: a base that could not be seen to fall has no say, and is not called so by luck."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from evaluator.audit.diff.floor import FLOOR_ALPHA, at_floor


@pytest.mark.parametrize(
    ("values", "chance", "threshold", "floor"),
    [
        ([1.0] * 40 + [0.0] * 20, 0.0, 0.1, False),
        ([1.0] * 40 + [0.0] * 20, 0.5, 0.1, False),
        ([1.0] * 33 + [0.0] * 27, 0.5, 0.01, True),  # 55% may be luck where guessing gives 50%
        ([0.0] * 60, 0.0, 0.1, True),
        ([1.0] * 5 + [0.0] * 55, 0.0, 0.1, True),  # 8%: falling to nothing stays within the threshold
        ([0.5] * 60, 0.25, 0.1, False),
        ([0.26] * 10, 0.25, 0.001, True),
        ([], 0.0, 0.1, False),  # no scores say nothing
    ],
)
def test_a_base_that_could_not_be_seen_to_fall_is_at_the_floor(
    values: list[float], chance: float, threshold: float, floor: bool
) -> None:
    assert (at_floor(values, chance, threshold) is not None) == floor


def test_a_base_that_only_guesses_is_rarely_taken_for_better_at_whatever_answer_one_looks() -> None:
    runs, chance = 300, 0.25
    rng = np.random.default_rng(8)
    seen = 0
    for row in (rng.random((runs, 120)) < chance).astype(float):
        seen += any(at_floor(row[:n].tolist(), chance, 0.01, whole=False) is None for n in range(5, 121, 5))
    assert seen <= int(binom.ppf(0.9999, runs, FLOOR_ALPHA))


def test_a_good_base_is_seen_to_be_one_within_few_answers() -> None:
    assert at_floor([1.0] * 8 + [0.0] * 2, 0.25, 0.02, whole=False) is None
