"""A whole rollout of a trained candidate on real parts, and what holds however it ends."""

from __future__ import annotations

from pathlib import Path

from belay.launcher.demo import ALIAS, STAGES
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
        learned=trained.home.learned_judge(trained.candidate.name),
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
