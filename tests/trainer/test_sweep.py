from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.diverged import TrainingDiverged
from trainer.records import SweepRow
from trainer.sweep import choose

rows = st.lists(
    st.builds(
        SweepRow,
        learning_rate=st.sampled_from([1e-4, 1e-3, 1e-2]),
        steps=st.sampled_from([10, 20, 40]),
        target=st.none() | st.sampled_from([0.0, 0.5, 0.9]),
    ),
    min_size=1,
    max_size=9,
)


@given(rows)
def test_the_best_target_is_taken_then_the_fewest_steps_then_the_lowest_rate(found: list[SweepRow]) -> None:
    scored = [row for row in found if row.target is not None]
    if not scored:
        with pytest.raises(TrainingDiverged):
            choose(found)
        return
    taken = choose(found)
    best = max(row.target or 0.0 for row in scored)
    equal = [row for row in scored if row.target == best]
    fewest = min(row.steps for row in equal)
    assert (taken.target, taken.steps) == (best, fewest)
    assert taken.learning_rate == min(row.learning_rate for row in equal if row.steps == fewest)
