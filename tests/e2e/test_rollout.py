"""The whole path on real parts: vLLM, broker, router, forwarder, worker, control, and traffic over HTTP.

It must roll a regressed candidate back by itself, and must leave an identical one alone. The traffic is the demo's
(`unseen.DEFAULT`); whatever it is, the client holds the scores against what it alone knows.
"""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Trained
from tests.e2e.rolling import roll_out

pytestmark = [pytest.mark.slow, pytest.mark.alone]


def test_naive_fine_tune_gains_the_target_forgets_the_rest_and_fails_the_audit(trained: Trained) -> None:
    by_name = {c.name: c for c in trained.audit.capabilities}
    target = by_name[trained.loaded.brief.target.name].items
    assert target.candidate_mean is not None
    assert target.base_mean is not None
    assert target.candidate_mean > target.base_mean + 0.2
    fallen = [c for c in trained.audit.capabilities if c.verdict == "fail"]
    assert len(fallen) >= 3
    assert trained.audit.verdict == "fail"


def test_regressed_candidate_is_rolled_back_by_itself(trained: Trained, a_broker: str) -> None:
    summary = roll_out(trained, a_broker, trained.candidate, trained.candidate_url, requests=1600, seed=7)
    assert summary.outcome == "rolled_back"
    assert summary.interactions_until_decision is not None
    assert summary.interactions_until_decision < 1600
    assert summary.delays.decision_to_router is not None
    assert summary.delays.decision_to_router < 1000
    adjacent = {c.name for c in trained.loaded.brief.capabilities if c.role == "adjacent"}
    assert set(summary.blamed) <= adjacent


def test_identical_candidate_survives_the_same_traffic(trained: Trained, embedded_broker: str) -> None:
    summary = roll_out(trained, embedded_broker, trained.base, trained.control_url, requests=200, seed=7)
    assert summary.outcome in ("ramping", "promoted")
    assert summary.interactions == 200, "all of the traffic"
    assert summary.stage_reached >= 1, "the schedule promoted it at least once"
