import pytest

from evaluator.judge.reviewing.corrections import Corrections
from telemetry.events import AnswerGraded, Judged
from tests.evaluator.support.scores import START, score


def _grade(arm, grade, *, number=0, by="ada", fraction=0.5):
    return AnswerGraded(
        event_id=f"{number}-{arm}-{by}",
        time=START,
        source="test",
        rollout_id="r1",
        interaction_id=f"interaction-{number}",
        capability="facts",
        arm=arm,
        grade=grade,
        grader=by,
        sampled_fraction=fraction,
    )


def _scores(*scores):
    return {one.interaction_id: one for one in scores}


@pytest.mark.parametrize("arm", ["control", "candidate"])
def test_grades_of_both_answers_correct_a_score_whichever_arm_served(arm):
    scored = score(0, arm=arm, value=0.9, other=0.8).model_copy(update={"by_key": "k"})
    scores = _scores(scored)
    corrections = Corrections(scores, [], "ada")
    assert corrections.after(_grade("control", 1.0)) is None
    found = corrections.after(_grade("candidate", 0.25, fraction=0.2))
    own, other = (1.0, 0.25) if arm == "control" else (0.25, 1.0)
    assert (found.value, found.other_value, found.basis) == (own, other, "person")
    assert found.corrects == Judged(value=0.9, other_value=0.8)
    assert (found.judged_fraction, found.judge, found.capability) == (0.2, "j1", "facts")
    assert (found.assignment, found.by_key) == (scored.assignment, "k")


def test_an_arm_without_grades_is_an_arm_without_pairs():
    """Whoever grades one arm alone changes nothing."""
    corrections = Corrections(_scores(*(score(n, value=1.0, other=1.0) for n in range(9))), [], "ada")
    assert [corrections.after(_grade("candidate", 0.0, number=n)) for n in range(9)] == [None] * 9


def test_what_was_graded_before_counts_and_what_another_person_graded_does_not():
    scores = _scores(score(0, value=1.0, other=1.0), score(1, value=1.0, other=1.0))
    before = [_grade("control", 1.0), _grade("control", 1.0, number=1, by="bo")]
    corrections = Corrections(scores, before, "ada")
    assert corrections.after(_grade("candidate", 0.5)) is not None
    assert corrections.after(_grade("candidate", 0.5, number=1)) is None


def test_grading_again_is_the_same_correction():
    corrections = Corrections(_scores(score(0, value=1.0, other=1.0)), [_grade("control", 1.0)], "ada")
    first, again = (corrections.after(_grade("candidate", grade)) for grade in (0.0, 1.0))
    assert first.event_id == again.event_id


def test_a_pair_that_no_judge_scored_still_has_its_grades():
    unscored = score(0, value=None)
    found = Corrections(_scores(unscored), [_grade("control", 1.0)], "ada").after(_grade("candidate", 0.0))
    assert (found.value, found.other_value, found.unscored) == (1.0, 0.0, None)
    assert found.corrects == Judged(value=None, other_value=None)


def test_a_grade_whose_score_left_the_log_corrects_nothing():
    assert Corrections({}, [_grade("control", 1.0)], "ada").after(_grade("candidate", 0.0)) is None


def test_what_is_no_evidence_is_none_by_peoples_grades_either():
    asked = score(0, value=None).model_copy(update={"unscored": "no_evidence"})
    corrections = Corrections(_scores(asked), [_grade("control", 1.0)], "ada")
    assert corrections.after(_grade("candidate", 0.0)) is None
