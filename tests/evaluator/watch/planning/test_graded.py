"""What people's grades say of the judges, against calculations by hand and against judges whose error is known."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from evaluator.judge.judges.calibration import Calibration, calibrate_pairs
from evaluator.judge.judges.error import JudgeError
from evaluator.judge.judges.sampling import lot
from evaluator.judge.reviewing.cases import ReviewCase
from evaluator.judge.reviewing.grades import Typed, graded
from evaluator.watch.planning.graded import GradedJudges, judges_graded
from telemetry.events import AnswerGraded, Arm, Message, ScoreRecorded
from tests.evaluator.support.scores import rollout, score

ASKED = (Message(role="user", content="?"),)


def judged(
    number: int,
    value: float | None,
    other: float | None = None,
    *,
    basis: str = "learned",
    arm: str = "control",
) -> ScoreRecorded:
    return score(number, value=value, other=other, arm=arm).model_copy(update={"basis": basis})


def grade(number: int, arm: Arm, value: float, by: str = "ada") -> AnswerGraded:
    case = ReviewCase(f"interaction-{number}", arm, "facts", 0.5, ASKED, "yes")
    return graded(case, Typed(value, ""), grader=by, rollout_id="r1")


def found(grades: list[AnswerGraded], scores: list[ScoreRecorded]) -> GradedJudges:
    return judges_graded(rollout(), grades, {s.interaction_id: s for s in scores})


def test_the_error_of_each_arm_is_the_mean_of_judged_less_graded() -> None:
    scores = [judged(0, 0.9, 0.8), judged(1, 0.4, arm="candidate"), judged(2, 0.2)]
    grades = [
        grade(0, "control", 1.0),
        grade(0, "candidate", 0.4),
        grade(1, "candidate", 0.8),
        grade(2, "control", 0.0),
    ]
    (one,) = found(grades, scores).judges
    assert (one.capability, one.basis, one.answers, one.binary) == ("facts", "learned", 4, False)
    assert one.agreement == pytest.approx(2 / 4)  # of (.9, 1), (.8, .4), (.4, .8), (.2, 0)
    assert (one.control.n, one.candidate.n) == (2, 2)
    assert one.control.mean_error == pytest.approx((-0.1 + 0.2) / 2)
    assert one.candidate.mean_error == pytest.approx((0.4 - 0.4) / 2)
    assert one.candidate.mean_grade == pytest.approx(0.6)
    assert one.calibration == calibrate_pairs([0.9 - 0.8], [1.0 - 0.4])


def test_several_graders_of_an_answer_are_one_label_their_mean() -> None:
    grades = [grade(0, "control", 1.0), grade(0, "control", 0.5, "bo"), grade(0, "control", 0.0)]
    report = found(grades, [judged(0, 0.5)])
    assert (report.grades, report.graders) == (2, ("ada", "bo"))
    assert report.judges[0].answers == 1
    assert report.judges[0].control.mean_grade == pytest.approx(0.25)


def test_grades_that_say_nothing_of_the_newest_judge_are_counted_by_reason() -> None:
    old = judged(0, 1.0).model_copy(update={"judge": "j0", "time": judged(0, 1.0).time - timedelta(days=1)})
    scores = [old, judged(1, None), judged(2, 1.0)]
    report = found([grade(n, "control", 1.0) for n in range(4)], scores)
    assert report.judge == "j1"
    assert report.passed_over == {
        "scored by another version of the judge": 1,
        "unscored": 1,
        "its score has left the log": 1,
    }
    assert report.judges[0].answers == 1


def test_programs_are_reported_and_do_not_enter_a_calibration() -> None:
    scores = [judged(0, 1.0, 0.0), judged(1, 1.0, 0.0, basis="prompt"), judged(2, 0.0, 0.0, basis="rule")]
    grades = [grade(n, arm, 0.5) for n in range(3) for arm in ("control", "candidate")]  # type: ignore[arg-type]  # arms
    report = found(grades, scores)
    assert [j.basis for j in report.judges] == ["learned", "prompt", "rule"]
    calibration = report.calibrations["facts"]
    assert calibration.labels == 2, "what the judge would not grade is an error of its own"


def test_pairs_stand_in_an_order_that_no_grade_can_change() -> None:
    numbers = list(range(40))
    scores = [judged(n, 0.5 + n / 100, 0.3) for n in numbers]
    grades = [grade(n, arm, (n % 5) / 4) for n in numbers for arm in ("control", "candidate")]  # type: ignore[arg-type]  # arms
    by_lot = sorted(numbers, key=lambda n: lot(f"interaction-{n}"))
    expected = calibrate_pairs([0.2 + n / 100 for n in by_lot], [0.0] * len(numbers))
    assert found(grades, scores).judges[0].calibration == expected
    assert found(grades[::-1], scores[::-1]).judges[0].calibration == expected


def test_a_judge_of_yes_and_no_is_measured_without_pairs_and_one_that_grades_is_not() -> None:
    arms: list[Arm] = ["control", "candidate"]
    scores = [judged(n, float(n % 4 < 2), arm=arms[n % 2]) for n in range(200)]
    grades = [grade(n, arms[n % 2], float(n % 4 < 2)) for n in range(200)]
    one = found(grades, scores).judges[0]
    assert one.calibration is None
    assert isinstance(one.measured, JudgeError)
    assert (one.measured.labels, one.measured.sensitivity.high, one.agreement) == (200, 1.0, 1.0)
    terms = one.terms(0.1)
    assert terms is not None
    assert terms.threshold == pytest.approx(one.measured.rollback_threshold(0.1))
    softer = [s.model_copy(update={"value": 0.9 if s.value else 0.1}) for s in scores]
    other = found(grades, softer).judges[0]
    assert (other.binary, other.measured, other.terms(0.1)) == (False, None, None)
    assert other.error is not None


def test_the_calibration_covers_a_judge_that_favours_one_arm() -> None:
    """The judge gives the candidate .15 less than it is worth: at least so much has to be in the bound."""
    rng, missed = random.Random(5), 0
    for run in range(40):
        scores, grades = [], []
        for n in range(run * 1000, run * 1000 + 60):
            true = {"control": rng.random(), "candidate": 0.15 + 0.85 * rng.random()}
            noise = rng.uniform(-0.1, 0.1)
            value = min(1.0, max(0.0, true["control"] + noise))
            scores.append(judged(n, value, true["candidate"] - 0.15))
            grades += [grade(n, "control", true["control"]), grade(n, "candidate", true["candidate"])]
        calibration = found(grades, scores).calibrations["facts"]
        assert isinstance(calibration, Calibration)
        missed += calibration.shift_high < 0.14
    assert missed <= 2  # each run misses with a chance of 2.5% at most


def test_no_grades_say_nothing_and_are_no_error() -> None:
    report = found([], [judged(0, 1.0)])
    assert (report.judges, report.calibrations, report.grades) == ((), {}, 0)
    assert GradedJudges.model_validate_json(report.model_dump_json()) == report
