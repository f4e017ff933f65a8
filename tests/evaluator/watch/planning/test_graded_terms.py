"""Which calibration sets a rollout's terms: the one with more labels, of the same models and the same brief."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.judge.judges.calibration import Calibration
from evaluator.judge.judges.error import Gold, calibrate
from evaluator.watch.planning.graded import GradedJudges
from evaluator.watch.planning.graded_terms import check_grades, merged, pairs_worth, read_grades
from telemetry.errors import UsageError
from telemetry.events import ModelRef

BASE, CANDIDATE = ModelRef(name="b", sha256="b" * 64), ModelRef(name="c", sha256="c" * 64)
ERROR = calibrate(
    [Gold(good, good, arm) for good in (True, False) for arm in ("control", "candidate")] * 10,  # type: ignore[arg-type]  # arms
    same_for_both_arms=False,
)


def of(labels: int) -> Calibration:
    return Calibration(0.1, 0.2, labels)


def report() -> GradedJudges:
    return GradedJudges(
        rollout_id="r1",
        base=BASE,
        candidate=CANDIDATE,
        brief_sha256="d" * 64,
        judge="j1",
        graders=("ada",),
        grades=80,
        passed_over={},
        judges=(),
        calibrations={"facts": of(40), "sums": ERROR},
    )


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_one_with_more_labels_sets_the_terms_and_the_audit_where_they_are_even(a: int, p: int) -> None:
    audit, people = of(a), Calibration(0.3, 0.4, p)
    found, (line,) = merged({"facts": audit}, {"facts": people})
    assert found == {"facts": people if p > a else audit}
    assert line.endswith("people set the terms" if p > a else "the audit set the terms")
    assert f"{p} pairs by people" in line


def test_what_one_of_the_two_lacks_comes_from_the_other() -> None:
    found, lines = merged({"sums": of(3)}, {"facts": of(1)})
    assert found == {"sums": of(3), "facts": of(1)}
    assert lines == ["facts: 1 pairs by people, no other calibration: people set the terms"]
    assert merged({"sums": of(3)}, {}) == ({"sums": of(3)}, [])


def test_a_label_of_one_answer_is_half_a_pair() -> None:
    assert (ERROR.labels, pairs_worth(ERROR)) == (40, 20)
    assert merged({"sums": of(20)}, {"sums": ERROR})[0] == {"sums": of(20)}
    assert merged({"sums": of(19)}, {"sums": ERROR})[0] == {"sums": ERROR}


def test_a_report_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "grades.json"
    path.write_text(report().model_dump_json(), encoding="utf-8")
    assert read_grades(path) == report()
    check_grades(report(), base=BASE, candidate=CANDIDATE, brief_sha256="d" * 64)


@pytest.mark.parametrize("what", ["base", "candidate", "brief"])
def test_grades_of_something_else_are_refused(what: str) -> None:
    other = ModelRef(name="o", sha256="0" * 64)
    with pytest.raises(UsageError, match=f"are of {what} .* the draft is of 000000000000"):
        check_grades(
            report(),
            base=other if what == "base" else BASE,
            candidate=other if what == "candidate" else CANDIDATE,
            brief_sha256="0" * 64 if what == "brief" else "d" * 64,
        )


def test_a_file_that_is_no_report_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "grades.json"
    for text in ("", "{}", '{"format": "belay-grades-2"}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match="is no report of grades"):
            read_grades(path)
