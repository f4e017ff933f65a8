"""The capacity model and its simulation: what more requests need, what ends it, and that the two agree."""

from __future__ import annotations

import math

import pytest
from _scale.model import AT_MOST, Stage, first_limit, need
from _scale.simulation import growing, simulate

FREE = Stage("free", (0.001,))
DEALT = Stage("dealt", (0.0005, 0.0015), most=100, dealt=True)
ONE = Stage("one", (0.0001,), most=1)


def test_servers_are_added_until_none_is_busier_than_planned() -> None:
    assert [FREE.servers(rate) for rate in (1, 699, 701, 6_999)] == [1, 1, 2, 10]
    assert all(FREE.busy(rate) <= AT_MOST for rate in (1, 699, 701, 12_345))


def test_what_may_have_one_server_only_gets_busier_and_ends_the_path() -> None:
    assert (ONE.servers(50_000), ONE.busy(5_000), ONE.limit) == (1, 0.5, 10_000)
    assert FREE.limit == math.inf
    assert first_limit([FREE, DEALT, ONE]) is ONE
    found = need([FREE, DEALT, ONE], 9_000)
    assert (found.bottleneck, found.busy) == ("one", pytest.approx(0.9))
    assert found.cores == sum(found.servers.values()) == 13 + 13 + 1


def test_disk_grows_with_the_rate_and_with_how_long_things_are_kept() -> None:
    assert need([FREE], 1_000).disk_tb == pytest.approx(10 * need([FREE], 100).disk_tb)
    # docs/telemetry.md: 1.66 TB of interactions in 7 days and 3.55 TB of scores in 45, before replicas.
    assert need([FREE], 1_000).disk_tb == pytest.approx(3 * (1.66 + 3.55), rel=0.01)


def test_the_same_seed_simulates_the_same_and_agrees_with_the_model_on_how_busy_each_is() -> None:
    stages = [FREE, DEALT, ONE]
    seen = simulate(stages, 5_000, 20_000, seed=3)
    assert seen == simulate(stages, 5_000, 20_000, seed=3)
    assert [one.busy for one in seen] == [pytest.approx(stage.busy(5_000), abs=0.05) for stage in stages]
    assert growing(seen) == []


def test_waits_before_one_server_are_those_of_the_theory() -> None:
    # M/D/1 at a load of .5: a twentieth and less waits longer than 1.5 services, the mean wait is half a service.
    (seen,) = simulate([ONE], 5_000, 50_000, seed=3)
    assert 1.5e-4 < seen.p99_wait_s < 4e-4


def test_the_queue_of_the_stage_that_cannot_keep_up_grows_and_no_other() -> None:
    seen = simulate([FREE, DEALT, ONE], 12_000, 30_000, seed=3)
    assert growing(seen) == ["one"]
    assert seen[-1].busy > 0.99


def test_dealing_by_subject_waits_longer_than_one_queue_for_all() -> None:
    shared = Stage("shared", DEALT.times, most=100)
    (dealt,), (pooled,) = (simulate([stage], 5_000, 20_000, seed=3) for stage in (DEALT, shared))
    assert dealt.p99_wait_s > 2 * pooled.p99_wait_s
