"""How arms answer, as the page tells it: sums over workers, quantiles out of buckets."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.watch.worker.arm_counts import BOUNDS_S
from router.control.board.answering import arms, quantile_ms
from telemetry.buckets import Buckets
from telemetry.events import ArmAnswers


def told(seconds: list[float], rollout_id: str = "r1", **changes: int) -> ArmAnswers:
    buckets = Buckets(BOUNDS_S)
    for value in seconds:
        buckets.see(value)
    fields = {"answers": len(seconds), "failed": 0, "refused": 0} | changes
    return ArmAnswers(rollout_id=rollout_id, arm="candidate", seconds=buckets.told(), **fields)


def test_workers_are_added_up_and_other_rollouts_left_out() -> None:
    control, candidate = arms([told([0.2], failed=1), told([0.2, 0.2], refused=2), told([9.0], "r2")], "r1")
    assert (candidate.answers, candidate.failed, candidate.refused) == (3, 1, 2)
    assert (control.answers, control.typical_ms) == (0, None)
    assert arms([told([9.0], "r2")], "r1") == ()


@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_a_quantile_is_a_fifth_off_at_most(part: float) -> None:
    rng = random.Random(5)
    for low, high in ((0.02, 0.09), (0.38, 0.9), (1.0, 40.0)):
        seconds = sorted(rng.uniform(low, high) for _ in range(4000))
        found = quantile_ms(told(seconds).seconds, part)
        assert found == pytest.approx(1000.0 * seconds[int(part * 4000)], rel=0.2)


@given(
    st.lists(st.floats(0.001, 300.0), min_size=1, max_size=8),
    st.floats(0.01, 1.0),
    st.floats(0.01, 1.0),
)
def test_a_larger_part_never_has_a_smaller_quantile(seconds: list[float], one: float, other: float) -> None:
    low, high = (quantile_ms(told(seconds).seconds, part) for part in sorted((one, other)))
    assert low is not None
    assert high is not None
    assert 0.0 < low <= high <= 1000.0 * BOUNDS_S[-1]
