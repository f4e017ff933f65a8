"""The audit from end to end, with models that are scripts."""

from __future__ import annotations

import pytest

from evaluator.audit import run_audit
from evaluator.baseline import binding_of
from telemetry.errors import BaselineError
from tests.evaluator.audits import BASE, CANDIDATE, audit, baseline
from tests.evaluator.briefs import brief, model


def test_the_naive_fine_tune_fails_and_is_named_overfitting() -> None:
    result = audit(support=1.0, facts=0.1)
    assert (result.verdict, result.exit_code) == ("fail", 1)
    assert result.findings[0].startswith(
        "Overfitting: the target support improved by 70 points, while facts fell"
    )
    assert {c.name: c.verdict for c in result.capabilities} == {
        "support": "pass",
        "facts": "fail",
        "sums": "pass",
        "riddles": "inconclusive",
    }


def test_an_identical_candidate_passes_where_there_are_items_enough() -> None:
    assert audit(items=100).verdict == "pass"


def test_an_identical_candidate_is_inconclusive_where_there_are_too_few() -> None:
    result = audit(items=20)
    assert (result.verdict, result.exit_code) == ("inconclusive", 3)
    assert any(
        "support (20 of 44), facts (20 of 44) and sums (20 of 44)" in finding for finding in result.findings
    )


def test_the_worst_items_stand_side_by_side_and_only_what_was_lost() -> None:
    facts = audit(facts=0.1).capabilities[1]
    assert facts.lost == 48
    assert len(facts.worst) == 3
    assert all(pair.base_value == 1.0 and pair.candidate_value == 0.0 for pair in facts.worst)
    assert "right" in facts.worst[0].base
    assert "do not know" in facts.worst[0].candidate


def test_another_engine_refuses_the_comparison() -> None:
    loaded = brief()
    with pytest.raises(BaselineError, match="engine_version: engine 1 here, engine 2 there"):
        run_audit(
            loaded,
            baseline(loaded),
            model(support=1.0),
            base=BASE,
            candidate=CANDIDATE,
            binding=binding_of(loaded, BASE.sha256, "engine 2"),
        )


def test_progress_counts_every_item() -> None:
    loaded, seen = brief(items=60), list[tuple[int, int, str]]()
    run_audit(
        loaded,
        baseline(loaded),
        model(support=1.0, facts=1.0, sums=1.0, riddles=0.0),
        base=BASE,
        candidate=CANDIDATE,
        binding=binding_of(loaded, BASE.sha256, "engine 1"),
        progress=lambda *step: seen.append(step),
    )
    assert seen[0] == (0, 240, "support")
    assert seen[-1] == (240, 240, "riddles")
