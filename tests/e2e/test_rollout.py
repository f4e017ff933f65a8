"""The whole path on real parts: vLLM, broker, router, forwarder, worker, control, and traffic over HTTP.

It must roll a regressed candidate back by itself, and must leave an identical one alone. The traffic is the demo's
(`unseen.DEFAULT`); whatever it is, the client holds the scores against what it alone knows.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from belay.launcher.demo import ALIAS, CANDIDATE, STAGES
from belay.launcher.rollout_run import RolloutRun, Tick, run_rollout
from belay.launcher.turns import turns_of
from belay.launcher.unseen import DEFAULT, Source
from belay.steps.teaching import calibrations_of
from evaluator.watch.planning.terms import rollout_spec
from evaluator.watch.reporting.against_truth import AgainstTruth
from evaluator.watch.reporting.summary import Summary
from serving.engines.arms import Endpoint
from serving.models.manifest import read_manifest
from serving.models.store import StoredModel
from telemetry.events import AuditRef
from tests.e2e.conftest import BRIEF, Trained

pytestmark = [pytest.mark.slow, pytest.mark.alone]


def roll_out(
    trained: Trained, bootstrap: str, candidate: Path, url: str, requests: int, seed: int
) -> Summary:
    spec = rollout_spec(
        trained.loaded,
        trained.baseline,
        base=read_manifest(trained.base).ref,
        candidate=read_manifest(candidate).ref,
        alias=ALIAS,
        stages=STAGES,
        shadow=0.5,
        audit=AuditRef(
            verdict="fail", sha256="0" * 64, override_by="a test", override_reason="to see it fall"
        ),
        calibrations=calibrations_of(trained.home, trained.loaded, StoredModel.at(trained.candidate)),
    )
    written = trained.home.root / f"unseen-{seed}.jsonl"
    run = RolloutRun(
        spec=spec,
        brief=BRIEF,
        turns=turns_of(DEFAULT, trained.loaded, requests, seed, written),
        control=Endpoint(arm="control", url=trained.control_url),
        candidate=Endpoint(arm="candidate", url=url),
        bootstrap=bootstrap,
        folder=trained.home.run(spec.rollout_id),
        learned=trained.home.learned_judge(CANDIDATE),
    )
    seen: list[Tick] = []
    summary = run_rollout(run, seen.append)
    assert seen[-1].traffic.failed == 0, seen[-1].traffic.errors
    assert summary.interactions == seen[-1].traffic.answered, (
        "every answered request is an interaction in Kafka"
    )
    assert seen[-1].view.settled == summary.interactions, "every interaction was scored and settled once"
    assert summary.truth is not None
    assert summary.truth.known == summary.interactions, "the client knows every interaction as its own"
    assert_scores_are_true(summary.truth)
    return summary


def assert_scores_are_true(truth: AgainstTruth) -> None:
    """What a run of a few hundred requests can show; bench/ measures the rest."""
    assert truth.overall is not None
    assert truth.scored is not None
    # Half of the traffic is the target's, where nothing but base's answer to the same prompt could tell.
    assert truth.scored >= (0.9 if DEFAULT is Source.ITEMS else 0.25)
    assert truth.overall.close >= 0.8
    assert all(abs(arm.error) <= 0.1 for arm in truth.by_arm.values() if arm.n >= 100)
    if DEFAULT is Source.UNSEEN:
        assert 0.05 < 1.0 - truth.in_scope / truth.known < 0.15, "a tenth belongs to no capability"


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
