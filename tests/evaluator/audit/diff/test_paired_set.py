"""A set of paired tests: one error over all that share it, and verdicts that the answers have made certain."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import pytest

from evaluator.audit.diff.paired import Evidence
from evaluator.audit.diff.paired_set import PairedSet


@dataclass(eq=False)
class Measured:
    """A test as far as it has come."""

    evidence: Evidence
    floor: str | None = None
    silent: bool = False


def measured(p_fail: float = 1.0, p_pass: float = 1.0, floor: str | None = None, **terms: bool) -> Measured:
    return Measured(Evidence(draws=9, for_fail=-log(p_fail), for_pass=-log(p_pass)), floor, **terms)


def together(*tests: Measured, silent_counts: bool = True) -> PairedSet[Measured]:
    return PairedSet(tests, alpha_fail=0.01, alpha_pass=0.02, silent_counts=silent_counts)


def test_a_fail_needs_the_level_that_holm_leaves_it_and_a_pass_the_whole_of_its_own() -> None:
    first, second, third = measured(p_fail=0.006), measured(p_fail=0.004), measured(p_pass=0.019)
    tests = together(first, second, third)
    assert [tests.level(test) for test in tests.tests] == pytest.approx([0.01 / 3] * 3)
    assert [tests.verdict(test) for test in tests.tests] == ["inconclusive", "inconclusive", "pass"]


def test_once_one_has_failed_the_others_need_less_as_soon_as_the_error_is_shared_out_anew() -> None:
    first, second = measured(p_fail=0.006), measured(p_fail=0.5)
    tests = together(first, second)
    assert tests.verdict(first) == "inconclusive"
    second.evidence = measured(p_fail=0.001).evidence
    tests.settle()
    assert (tests.verdict(first), tests.verdict(second)) == ("fail", "fail")


@pytest.mark.parametrize(("silent_counts", "levels"), [(True, [0.005, 0.01]), (False, [0.01, 0.0])])
def test_the_silent_take_a_part_of_the_error_only_where_they_count(
    silent_counts: bool, levels: list[float]
) -> None:
    tests = together(measured(p_fail=0.004), measured(p_fail=0.001, silent=True), silent_counts=silent_counts)
    assert [tests.level(test) for test in tests.tests] == levels
    assert [tests.verdict(test) for test in tests.tests] == ["fail", "inconclusive"]


def test_a_floor_that_base_shows_while_it_is_asked_leaves_no_verdict_and_moves_no_level() -> None:
    low, other = measured(p_fail=0.001, floor="base scores 0%"), measured(p_fail=0.009)
    tests = together(low, other)
    assert [tests.verdict(test) for test in tests.tests] == ["inconclusive", "fail"]


def test_where_both_are_certain_by_an_error_the_drop_counts() -> None:
    test = measured(p_fail=0.001, p_pass=0.001)
    assert together(test).verdict(test) == "fail"
