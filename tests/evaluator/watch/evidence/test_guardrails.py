import random

import pytest

from evaluator.watch.evidence.decide import decide
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.guardrails import PART, guarded_value
from telemetry.events import Guardrail
from tests.evaluator.support.scores import restored, rollout, score

ERRORS = Guardrail(kind="errors", threshold=0.02)
REFUSALS = Guardrail(kind="refusals", threshold=0.02)
LATENCY = Guardrail(kind="latency", threshold=0.05, limit_ms=2000.0)


def _spec():
    return rollout().model_copy(update={"guardrails": (ERRORS, REFUSALS, LATENCY)})


def _run(changes, count=1500, seed=1):
    """Fold scores that are the same in both arms; `changes(rng)` is what the candidate's answers differ in."""
    rng, evidence, made = random.Random(seed), RolloutEvidence(_spec()), None
    for n in range(count):
        candidate = rng.random() < 0.5
        one = score(n, arm="candidate" if candidate else "control", value=float(rng.random() < 0.8))
        update = {"total_ms": rng.uniform(200, 800)} | (changes(rng) if candidate else {})
        evidence.settle(one.model_copy(update=update), 0, n)
        if (found := decide(evidence)) and found.action == "roll_back":
            made = found
    return evidence, made


@pytest.mark.parametrize(
    ("change", "blamed"),
    [
        (lambda rng: {"total_ms": rng.uniform(900, 1500)}, "guardrail:latency"),
        (lambda rng: {"refused": rng.random() < 0.3}, "guardrail:refusals"),
        (lambda rng: {"failed": rng.random() < 0.3}, "guardrail:errors"),
    ],
)
def test_a_candidate_that_only_slows_refuses_or_fails_is_rolled_back(change, blamed):
    _, made = _run(change)
    assert made is not None
    assert made.proof.e_value >= made.proof.bar
    evidence, _ = _run(change)
    assert blamed in evidence.blamed()


def test_an_equal_candidate_passes_the_guardrails():
    assert _run(lambda _: {})[1] is None


def test_values_are_bounded_and_a_quick_error_is_not_fast():
    slow = score(1).model_copy(update={"total_ms": 9000.0})
    assert guarded_value(LATENCY, slow) == 0.0
    assert guarded_value(LATENCY, score(1).model_copy(update={"total_ms": 500.0})) == 0.75
    failed = score(1).model_copy(update={"total_ms": 1.0, "failed": True})
    assert [guarded_value(r, failed) for r in (ERRORS, LATENCY, REFUSALS)] == [0.0, 0.0, 1.0]
    assert guarded_value(LATENCY, score(1)) is None


def test_alpha_is_shared_out_between_capabilities_and_guardrails():
    evidence, plain = RolloutEvidence(_spec()), RolloutEvidence(rollout())
    assert evidence.e_value == pytest.approx(1 - PART)
    for n in range(40):
        arm = ("control", "candidate")[n % 2]
        one = score(n, arm=arm, value=0.8).model_copy(update={"failed": n > 10 and arm == "candidate"})
        evidence.settle(one, 0, n)
        plain.settle(one, 0, n)
        rails = [s for s in evidence.summary() if s.capability.startswith("guardrail:")]
        assert sum(s.weight for s in rails) == pytest.approx(PART)
        worst = sum(s.weight * s.e_value for s in rails)
        assert evidence.e_value == pytest.approx(max((1 - PART) * plain.e_value, worst))
    assert worst > (1 - PART) * plain.e_value, "both sides of the maximum were met"


def test_guardrails_watch_what_no_judge_can_score():
    evidence = RolloutEvidence(_spec())
    rng = random.Random(3)
    for n in range(600):
        arm = rng.choice(("control", "candidate"))
        one = score(n, arm=arm, value=None, capability=rng.choice((None, "facts")))
        refused = arm == "candidate" and rng.random() < 0.3
        evidence.settle(one.model_copy(update={"refused": refused, "total_ms": 300.0}), 0, n)
    assert evidence.blamed() == ("guardrail:refusals",)
    assert evidence.breached


def test_a_guardrail_takes_a_subject_once_whatever_came_of_its_score():
    evidence = RolloutEvidence(_spec())
    for n, value in enumerate((None, 1.0, 1.0)):
        evidence.settle(score(n, subject="ada", value=value), 0, n)
    units = {c.capability: c.control.n for c in evidence.summary()}
    assert (units["guardrail:errors"], units["facts"]) == (1, 1)


def test_guardrails_come_back_from_a_snapshot():
    evidence, _ = _run(lambda rng: {"total_ms": rng.uniform(900, 1500)}, count=60)
    assert restored(evidence)[0].to_snapshot() == evidence.to_snapshot()


def test_a_latency_guardrail_without_a_limit_is_refused():
    with pytest.raises(ValueError, match="limit_ms"):
        Guardrail(kind="latency", threshold=0.1)


def test_what_a_key_without_evidence_asks_moves_no_guardrail():
    nothing = {"value": None, "unscored": "no_evidence"}
    evidence = RolloutEvidence(_spec())
    for n in range(500):
        arm = "candidate" if n % 2 else "control"
        update = nothing | {"refused": arm == "candidate", "failed": arm == "candidate", "total_ms": 9000.0}
        evidence.settle(score(n, arm=arm).model_copy(update=update), 0, n)
    assert not any(one.control.n or one.candidate.n for one in evidence.summary())
    assert evidence.e_value == RolloutEvidence(_spec()).e_value
