"""Which interactions are judged: settled by their ids, as often as was asked for, and by nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from evaluator.judge.judges.sampling import lot, sampled
from router.proxy.assign import shadow_lot, unit_interval
from telemetry.events import derived_id

IDS = [derived_id("interaction", str(number)) for number in range(4_000)]


@given(st.text(), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_what_is_judged_at_one_fraction_is_judged_at_every_larger_one(
    name: str, one: float, other: float
) -> None:
    small, large = sorted((one, other))
    assert sampled(name, large) or not sampled(name, small)
    assert sampled(name, 1.0)
    assert not sampled(name, 0.0)


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.9])
def test_as_many_are_judged_as_the_fraction_says(fraction: float) -> None:
    judged = sum(sampled(one, fraction) for one in IDS)
    assert binomtest(judged, len(IDS), fraction).pvalue > 1e-4


def test_being_judged_tells_nothing_of_the_arm_or_of_the_draw_of_shadows() -> None:
    for other in (lambda one: unit_interval("salt", one), lambda one: shadow_lot("salt", one)):
        chosen = [one for one in IDS if other(one) < 0.3]
        judged = sum(sampled(one, 0.5) for one in chosen)
        assert binomtest(judged, len(chosen), 0.5).pvalue > 1e-4


def test_the_lot_is_the_same_in_every_process_and_version() -> None:
    # Another rule would judge other interactions of a rollout that is under way, and replay it otherwise.
    assert lot("4f1c") == pytest.approx(0.08395415954535657, abs=1e-15)


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_another_fraction_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="a fraction lies in"):
        sampled("a", fraction)
