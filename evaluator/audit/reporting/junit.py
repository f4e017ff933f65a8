"""An audit as JUnit XML, which CI systems show test by test: a test case for each measure.

A suite is green exactly where the audit's exit status is 0:

    pass           passed
    fail           failure
    inconclusive   error: the test could not come to a result, and the gate does not let that through
    not measured   error, of a type of its own: there are no scores to compare, and nobody knows that nothing was lost
    at the floor   skipped: it has no say, and does not stand in the way of a pass

`skipped` for what is inconclusive would show a green run beside an exit status of 3. A fine point: where no capability
is above the floor the audit is inconclusive although no measure is; the suite then has an error of its own.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from evaluator.audit.reporting.text import interval, percent, points, signed
from evaluator.audit.result import AuditResult, MeasureAudit


def junit_xml(result: AuditResult) -> bytes:
    """The XML file: one `testsuite` with attributes as Jenkins, GitLab and GitHub's reporters read them."""
    suite = ET.Element("testsuite", {"name": f"belay audit {result.candidate.name}"})
    _add_properties(suite, result)
    for measure in result.measures:
        _add_case(suite, result, measure)
    if result.verdict == "inconclusive" and not suite.findall("testcase/error"):
        case = ET.SubElement(suite, "testcase", _named(result, "audit", "verdict"))
        _say(case, "error", "inconclusive", result.findings[0] if result.findings else "nothing to judge")
    ET.SubElement(suite, "system-out").text = _printable("\n".join(result.findings))
    shared = {
        "name": suite.attrib.pop("name"),
        "tests": str(len(suite.findall("testcase"))),
        "failures": str(len(suite.findall("testcase/failure"))),
        "errors": str(len(suite.findall("testcase/error"))),
        "time": f"{result.seconds:.3f}",
    }
    skipped = str(len(suite.findall("testcase/skipped")))
    suite.attrib |= shared | {
        "skipped": skipped,
        "timestamp": result.started.strftime("%Y-%m-%dT%H:%M:%S"),
    }
    whole = ET.Element("testsuites", shared)  # Jenkins's schema knows no `skipped` up here
    whole.append(suite)
    ET.indent(whole)
    written: bytes = ET.tostring(whole, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _add_properties(suite: ET.Element, result: AuditResult) -> None:
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("verdict", result.verdict),
        ("audit_sha256", result.sha256),
        ("base_sha256", result.base.sha256),
        ("candidate_sha256", result.candidate.sha256),
    ):
        ET.SubElement(properties, "property", {"name": name, "value": value})


def _add_case(suite: ET.Element, result: AuditResult, measure: MeasureAudit) -> None:
    case = ET.SubElement(suite, "testcase", _named(result, measure.capability, measure.name))
    said = (
        f"{measure.label}: base {percent(measure.base_mean)}, candidate {percent(measure.candidate_mean)}, change "
        f"{signed(points(measure.gap))} points ({interval(measure)}), tolerated {-100 * measure.threshold:+g}; "
        f"{measure.asked} of {measure.items} items asked"
    )
    if measure.at_floor:
        ET.SubElement(case, "skipped", {"message": f"at the floor: {measure.at_floor}"})
    elif measure.verdict == "fail":
        worst = "".join(
            f"\n\n{p.prompt}\n  base: {p.base}\n  candidate: {p.candidate}" for p in measure.worst
        )
        _say(case, "failure", "regression", said, worst)
    elif measure.not_measured:
        _say(case, "error", "not measured", f"{measure.label} was not measured: {measure.not_measured}")
    elif measure.verdict == "inconclusive":
        _say(case, "error", "inconclusive", f"{said}; {measure.unable or measure.no_pass or measure.stopped}")


def _named(result: AuditResult, capability: str, name: str) -> dict[str, str]:
    # Reporters add the times of the cases up; the audit's time belongs to all of them together.
    return {"classname": f"{result.brief}.{capability}", "name": name, "time": "0"}


def _say(case: ET.Element, kind: str, what: str, message: str, more: str = "") -> None:
    ET.SubElement(case, kind, {"type": what, "message": _printable(message)}).text = _printable(
        message + more
    )


def _printable(text: str) -> str:
    """The text without the characters that XML 1.0 cannot hold: a model may write any."""
    return "".join(
        c if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "�"
        for c in text
    )
