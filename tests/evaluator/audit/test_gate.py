"""The gate: one certain fall fails, a pass needs everything certain, the floor has no say."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from evaluator.audit.gate import judge_audit
from evaluator.audit.result import CapabilityAudit, MeasureAudit, NllChange, load_audit
from evaluator.audit.state import Stop
from telemetry.errors import UsageError
from tests.evaluator.support.audits import audit


def measured(
    capability: str,
    low: float,
    high: float,
    *,
    name: str = "items",
    floor: str | None = None,
    unable: str | None = None,
    unmeasured: str | None = None,
    stopped: Stop = "used up",
    nll: NllChange | None = None,
) -> MeasureAudit:
    """A measure in which the drop lies between `low` and `high`; 0.1 is tolerated."""
    silent = any(why is not None for why in (floor, unable, unmeasured))
    verdict = "inconclusive" if silent else "fail" if low > 0.1 else "pass" if high < 0.1 else "inconclusive"
    return MeasureAudit(
        capability=capability,
        name=name,
        version="1",
        items=60,
        asked=60,
        draws=60,
        unscored=0,
        base_mean=0.9,
        candidate_mean=0.9 - (low + high) / 2,
        gap=(low + high) / 2,
        lower=low,
        upper=high,
        threshold=0.1,
        fail_beyond=0.1,
        pass_within=0.1,
        alpha_fail=0.01,
        alpha_pass=0.01,
        p_fail=0.5,
        p_pass=0.5,
        at_floor=floor,
        unable=unable,
        not_measured=unmeasured,
        no_pass=None,
        stopped=stopped,
        verdict=verdict,
        lost=0,
        gained=0,
        worst=(),
        nll=nll,
    )


def capability(
    name: str, *measures: MeasureAudit, role: str = "adjacent", critical: bool = False
) -> CapabilityAudit:
    return CapabilityAudit(name=name, role=role, critical=critical, why="", measures=measures)


def part(
    name: str, low: float, high: float, *, role: str = "adjacent", floor: str | None = None
) -> CapabilityAudit:
    """A capability measured by its items alone."""
    return capability(name, measured(name, low, high, floor=floor), role=role)


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
    ("target", "adjacent", "named"),
    [
        ((-0.6, -0.3), BAD, True),
        (GOOD, BAD, True),
        (GOOD, GOOD, False),
        (BAD, BAD, False),
        (OPEN, BAD, False),
    ],
)
def test_overfitting_is_a_target_that_is_better_or_passes_beside_a_fallen_capability(
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


@pytest.mark.parametrize(
    ("items", "benchmark", "verdict"),
    [
        (GOOD, GOOD, "pass"),
        (GOOD, OPEN, "inconclusive"),
        (OPEN, GOOD, "inconclusive"),
        (GOOD, BAD, "fail"),
        (BAD, GOOD, "fail"),
    ],
)
def test_a_capability_fails_with_any_measure_and_passes_with_all(
    items: tuple[float, float], benchmark: tuple[float, float], verdict: str
) -> None:
    both = capability("facts", measured("facts", *items), measured("facts", *benchmark, name="arc_easy"))
    assert both.verdict == verdict
    assert judge_audit([both]).verdict == verdict


def test_a_measure_at_the_floor_leaves_the_say_to_the_others_of_its_capability() -> None:
    low = measured("facts", *OPEN, floor="base scores 0%")
    both = capability("facts", low, measured("facts", *GOOD, name="arc_easy"))
    assert (both.verdict, both.at_floor) == ("pass", None)
    assert judge_audit([both]).findings == ("At the floor, without a say: facts (base scores 0%).",)
    assert judge_audit([capability("facts", low)]).verdict == "inconclusive"


def test_the_fallen_benchmark_is_named_and_the_critical_capability_is_called_so() -> None:
    fallen = capability(
        "facts", measured("facts", *GOOD), measured("facts", *BAD, name="arc_easy"), critical=True
    )
    finding = judge_audit([fallen]).findings[0]
    assert finding.startswith(
        "facts (arc_easy), which is critical, fell by 35 points, certainly by more than 10"
    )


def test_what_cannot_be_judged_blocks_a_pass_with_its_reason() -> None:
    ruling = judge_audit(
        [part("sums", *GOOD), capability("facts", measured("facts", *OPEN, unable="no judge"))]
    )
    assert ruling.verdict == "inconclusive"
    assert ruling.findings == ("Nothing can be told of facts: no judge.",)


def test_what_is_not_measured_blocks_a_pass_and_is_not_at_the_floor() -> None:
    blind = capability("facts", measured("facts", *OPEN, unmeasured="none of 60 items scored"))
    assert (blind.verdict, blind.at_floor, blind.not_measured) == (
        "inconclusive",
        None,
        "none of 60 items scored",
    )
    ruling = judge_audit([part("sums", *GOOD), blind])
    assert ruling.verdict == "inconclusive"
    assert ruling.findings == ("Not measured, so nothing is certain of facts: none of 60 items scored.",)
    fallen = part("riddles", *BAD)
    assert judge_audit([blind, fallen]).verdict == "fail"


def test_a_capability_is_measured_where_one_of_its_measures_is_and_passes_with_all_alone() -> None:
    blind = measured("facts", *OPEN, unmeasured="none of 60 items scored")
    both = capability("facts", blind, measured("facts", *GOOD, name="arc_easy"))
    assert (both.verdict, both.not_measured) == ("inconclusive", None)


def test_likelier_wrong_answers_warn_and_never_decide() -> None:
    nll = NllChange(n=60, base=1.0, candidate=1.3, change=0.3, lower=0.1, upper=0.5)
    ruling = judge_audit([capability("facts", measured("facts", *GOOD, nll=nll))])
    assert ruling.verdict == "pass"
    assert "became less likely in facts (by +0.30 nats per token)" in ruling.findings[0]
    calm = nll.model_copy(update={"lower": -0.1})
    assert judge_audit([capability("facts", measured("facts", *GOOD, nll=calm))]).findings == ()


def test_the_reference_carries_verdict_hash_and_override(tmp_path: Path) -> None:
    result = audit(facts=0.1)
    path = result.save(tmp_path)
    reference = result.to_ref(override_by="A. Person", override_reason="to show what happens")
    assert reference.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (reference.verdict, reference.override_by) == ("fail", "A. Person")
    assert result.to_ref().override_by is None


@pytest.mark.parametrize(
    ("name", "reason"), [("A. Person", None), (None, "why"), ("", "why"), ("A. Person", "")]
)
def test_an_override_without_name_or_reason_is_refused(name: str | None, reason: str | None) -> None:
    with pytest.raises(UsageError, match="expected both"):
        audit(facts=0.1).to_ref(override_by=name, override_reason=reason)


def test_only_a_passing_audit_is_approved_and_only_another_one_overridden() -> None:
    passed, failed = audit(items=100), audit(facts=0.1)
    assert passed.to_ref(approved_by="A. Person").approved_by == "A. Person"
    with pytest.raises(UsageError, match="cannot be approved"):
        failed.to_ref(approved_by="A. Person")
    with pytest.raises(UsageError, match="cannot be approved"):
        passed.to_ref(approved_by=" ")
    with pytest.raises(UsageError, match="nothing to override"):
        passed.to_ref(override_by="A. Person", override_reason="why")


def test_an_audit_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    result = audit(facts=0.5)
    assert load_audit(result.save(tmp_path)) == result
    (tmp_path / "audit.json").write_text("{}")
    with pytest.raises(UsageError, match="is not an audit"):
        load_audit(tmp_path / "audit.json")
    with pytest.raises(UsageError, match="no audit at"):
        load_audit(tmp_path / "nothing.json")
