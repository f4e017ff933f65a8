"""How arms answer, as the page tells it: sums over workers, quantiles out of buckets."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from router.control.board.answering import arms, quantile_ms
from telemetry.buckets import Buckets
from telemetry.events import ArmAnswers


def told(seconds: list[float], rollout_id: str = "r1", **changes: int) -> ArmAnswers:
    buckets = Buckets()
    for value in seconds:
        buckets.see(value)
    fields = {"answers": len(seconds), "failed": 0, "refused": 0} | changes
    return ArmAnswers(rollout_id=rollout_id, arm="candidate", seconds=buckets.told(), **fields)


def test_workers_are_added_up_and_other_rollouts_left_out() -> None:
    control, candidate = arms([told([0.2], failed=1), told([0.2, 0.2], refused=2), told([9.0], "r2")], "r1")
    assert (candidate.answers, candidate.failed, candidate.refused) == (3, 1, 2)
    assert (control.answers, control.typical_ms) == (0, None)
    assert arms([told([9.0], "r2")], "r1") == ()


def test_a_quantile_lies_in_the_bucket_that_holds_it() -> None:
    rng = random.Random(5)
    seconds = sorted(rng.uniform(0.3, 0.45) for _ in range(400))
    found = quantile_ms(told(seconds).seconds, 0.95)
    assert found is not None
    assert 250.0 < found <= 500.0, "0.25 to 0.5 s is one bucket"


@given(
    st.lists(st.floats(0.001, 300.0), min_size=1, max_size=8),
    st.floats(0.01, 1.0),
    st.floats(0.01, 1.0),
)
def test_a_larger_part_never_has_a_smaller_quantile(seconds: list[float], one: float, other: float) -> None:
    low, high = (quantile_ms(told(seconds).seconds, part) for part in sorted((one, other)))
    assert low is not None
    assert high is not None
    assert 0.0 < low <= high <= 120_000.0
