"""The gate: one certain fall fails, a pass needs everything certain, the floor has no say."""

from __future__ import annotations

import hashlib
import math
import random
from pathlib import Path

import pytest

from evaluator.diff import Diff, paired_diff, verdict_of
from evaluator.gate import CapabilityAudit, items_to_pass, judge_audit, load_audit
from telemetry.errors import UsageError
from tests.evaluator.audits import audit


def part(
    name: str, low: float, high: float, *, role: str = "adjacent", floor: str | None = None
) -> CapabilityAudit:
    """A capability whose drop lies between `low` and `high`; 0.1 is tolerated."""
    diff = Diff(
        n=60,
        unscored=0,
        base_mean=0.9,
        candidate_mean=0.9 - (low + high) / 2,
        gap=(low + high) / 2,
        lower=low,
        upper=high,
        threshold=0.1,
        alpha_fail=0.01,
        alpha_pass=0.01,
        verdict=verdict_of(low, high, 0.1),
    )
    return CapabilityAudit(
        name=name, role=role, critical=False, why="", at_floor=floor, diff=diff, lost=0, gained=0, worst=()
    )


GOOD, BAD, OPEN = (-0.05, 0.05), (0.2, 0.5), (-0.1, 0.3)


@pytest.mark.parametrize(
    ("intervals", "verdict"),
    [
        ([GOOD, GOOD], "pass"),
        ([GOOD, OPEN], "inconclusive"),
        ([GOOD, BAD], "fail"),
        ([OPEN, BAD], "fail"),
        ([], "inconclusive"),
    ],
)
def test_the_weakest_capability_decides(intervals: list[tuple[float, float]], verdict: str) -> None:
    parts = [part(f"c{i}", *interval) for i, interval in enumerate(intervals)]
    random.Random(1).shuffle(parts)
    assert judge_audit(parts).verdict == verdict


def test_the_floor_never_passes_never_fails_and_is_listed() -> None:
    fallen = part("riddles", *BAD, floor="base scores 0%")
    assert fallen.verdict == "inconclusive"
    ruling = judge_audit([part("facts", *GOOD), fallen])
    assert ruling.verdict == "pass"
    assert ruling.findings == ("At the floor, without a say: riddles (base scores 0%).",)


def test_nothing_above_the_floor_is_inconclusive() -> None:
    ruling = judge_audit([part("riddles", *GOOD, floor="base scores 0%")])
    assert ruling.verdict == "inconclusive"
    assert "nothing that this audit could see" in ruling.findings[0]


@pytest.mark.parametrize(
    ("target", "adjacent", "named"), [((-0.6, -0.3), BAD, True), (GOOD, GOOD, False), (BAD, BAD, False)]
)
def test_overfitting_is_a_better_target_beside_a_fallen_capability(
    target: tuple[float, float], adjacent: tuple[float, float], named: bool
) -> None:
    ruling = judge_audit([part("support", *target, role="target"), part("facts", *adjacent)])
    assert any("Overfitting" in finding for finding in ruling.findings) == named


def test_a_better_target_is_told_also_where_base_was_at_the_floor_and_nothing_fell() -> None:
    target = part("support", -0.9, -0.7, role="target", floor="base scores 0%")
    ruling = judge_audit([target, part("facts", *GOOD)])
    assert ruling.findings[0] == "The target support improved by 80 points."


def test_an_improvement_that_may_be_luck_is_called_so() -> None:
    ruling = judge_audit([part("support", -0.3, 0.1, role="target"), part("facts", *BAD)])
    assert "(not certain)" in ruling.findings[0]


@pytest.mark.parametrize(("threshold", "alpha"), [(0.05, 0.01), (0.1, 0.01), (0.1, 0.05)])
def test_items_to_pass_is_a_limit_that_the_bound_comes_close_to(threshold: float, alpha: float) -> None:
    needed = items_to_pass(threshold, alpha)
    fewer, more = [1.0] * (needed - 1), [1.0] * math.ceil(1.15 * needed)
    assert paired_diff(fewer, fewer, threshold, alpha).verdict == "inconclusive"
    assert paired_diff(more, more, threshold, alpha).verdict == "pass"


def test_the_reference_carries_verdict_hash_and_override(tmp_path: Path) -> None:
    result = audit(facts=0.1)
    path = result.save(tmp_path)
    reference = result.to_ref("A. Person", "to show what happens")
    assert reference.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (reference.verdict, reference.override_by) == ("fail", "A. Person")
    assert result.to_ref().override_by is None


@pytest.mark.parametrize(
    ("name", "reason"), [("A. Person", None), (None, "why"), ("", "why"), ("A. Person", "")]
)
def test_an_override_without_name_or_reason_is_refused(name: str | None, reason: str | None) -> None:
    with pytest.raises(UsageError, match="expected both"):
        audit().to_ref(name, reason)


def test_an_audit_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    result = audit(facts=0.5)
    assert load_audit(result.save(tmp_path)) == result
    (tmp_path / "audit.json").write_text("{}")
    with pytest.raises(UsageError, match="is not an audit"):
        load_audit(tmp_path / "audit.json")
    with pytest.raises(UsageError, match="no audit at"):
        load_audit(tmp_path / "nothing.json")
