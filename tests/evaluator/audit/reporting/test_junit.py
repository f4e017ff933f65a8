"""JUnit XML: what CI shows is green exactly where the gate lets the candidate through."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.audit.reporting.junit import junit_xml
from evaluator.audit.result import AuditResult
from tests.evaluator.support.audits import audit

FAILED = audit(items=120, support=1.0, facts=0.1)
PASSED = audit(items=100)
OPEN = audit(items=20)


def suite_of(result: AuditResult) -> ET.Element:
    root = ET.fromstring(junit_xml(result))  # noqa: S314 -- we wrote it
    assert root.tag == "testsuites"
    (suite,) = root
    return suite


def kinds(result: AuditResult) -> dict[str, str]:
    """What became of each test case, by its class and name."""
    found = {}
    for case in suite_of(result).findall("testcase"):
        told = [child.tag for child in case]
        assert len(told) <= 1
        found[f"{case.get('classname')}:{case.get('name')}"] = told[0] if told else "passed"
    return found


def test_there_is_a_case_for_each_measure() -> None:
    assert kinds(FAILED) == {
        "tests.support:items": "passed",
        "tests.facts:items": "failure",
        "tests.sums:items": "passed",
        "tests.riddles:items": "skipped",
    }
    assert set(kinds(OPEN).values()) == {"error", "skipped"}


@pytest.mark.parametrize("result", [FAILED, PASSED, OPEN])
def test_the_suite_is_green_exactly_where_the_exit_status_is_0(result: AuditResult) -> None:
    suite = suite_of(result)
    assert (int(suite.get("failures", "")) + int(suite.get("errors", "")) == 0) == (result.exit_code == 0)


@pytest.mark.parametrize("result", [FAILED, PASSED, OPEN])
def test_the_counts_are_those_of_the_cases(result: AuditResult) -> None:
    root = ET.fromstring(junit_xml(result))  # noqa: S314 -- we wrote it
    told = list(kinds(result).values())
    for element in (root, root[0]):
        assert element.get("tests") == str(len(told))
        for attribute, kind in (("failures", "failure"), ("errors", "error")):
            assert element.get(attribute) == str(told.count(kind))
        assert float(element.get("time", "")) >= 0.0
    assert root[0].get("skipped") == str(told.count("skipped"))


def test_nothing_is_there_that_the_schema_of_jenkins_does_not_know() -> None:
    """Attributes and children as its xunit plugin's junit-10.xsd has them; it refuses a file with any other."""
    known = {
        "testsuites": ({"name", "tests", "failures", "errors", "time"}, {"testsuite"}),
        "testsuite": (
            {"name", "tests", "failures", "errors", "time", "skipped", "timestamp"},
            {"properties", "testcase", "system-out"},
        ),
        "properties": (set(), {"property"}),
        "property": ({"name", "value"}, set()),
        "testcase": ({"name", "classname", "time"}, {"failure", "error", "skipped"}),
        "failure": ({"type", "message"}, set()),
        "error": ({"type", "message"}, set()),
        "skipped": ({"type", "message"}, set()),
        "system-out": (set(), set()),
    }
    for result in (FAILED, PASSED, OPEN):
        for element in ET.fromstring(junit_xml(result)).iter():  # noqa: S314 -- we wrote it
            attributes, children = known[element.tag]
            assert set(element.attrib) <= attributes
            assert {child.tag for child in element} <= children


def test_an_audit_that_could_see_nothing_is_not_green() -> None:
    riddles = PASSED.capabilities[3]
    blind = PASSED.model_copy(
        update={"verdict": "inconclusive", "capabilities": (riddles,), "findings": ("Nothing to see.",)}
    )
    assert kinds(blind) == {"tests.riddles:items": "skipped", "tests.audit:verdict": "error"}


def test_what_was_not_measured_is_an_error_that_says_so() -> None:
    blind = PASSED.capabilities[1].items.model_copy(
        update={"not_measured": "none of 60 items scored", "verdict": "inconclusive"}
    )
    facts = PASSED.capabilities[1].model_copy(update={"measures": (blind,)})
    result = PASSED.model_copy(update={"verdict": "inconclusive", "capabilities": (facts,)})
    error = suite_of(result).find("testcase/error")
    assert error is not None
    assert error.get("type") == "not measured"
    assert error.get("message") == "facts/items was not measured: none of 60 items scored"


def test_a_failure_says_what_fell_and_shows_the_worst_items() -> None:
    failure = suite_of(FAILED).find("testcase/failure")
    assert failure is not None
    assert "facts/items: base" in failure.get("message", "")
    assert "does not know" in (failure.text or "")


@given(st.text())
def test_whatever_a_model_writes_the_file_stays_xml(text: str) -> None:
    facts = FAILED.capabilities[1]
    worst = facts.items.worst[0].model_copy(update={"candidate": text})
    measure = facts.items.model_copy(update={"worst": (worst,)})
    result = FAILED.model_copy(update={"capabilities": (facts.model_copy(update={"measures": (measure,)}),)})
    assert len(suite_of(result).findall("testcase/failure")) == 1
