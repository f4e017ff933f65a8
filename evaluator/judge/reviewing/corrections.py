"""People's grades of both answers of a pair, as the evidence takes them in: behind the scores that they correct. Pure.

A grade alone says nothing that the evidence could use without knowing the arm's other answers; both answers of one
prompt are a draw of the true gap. The first grades of a pair are the evidence's, and stay it: grading again changes the
reports (`grades.latest`) and no bet that was settled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from evaluator.judge.reviewing.cases import is_evidence
from evaluator.judge.reviewing.grades import SOURCE, latest
from telemetry.events import AnswerGraded, Arm, Judged, ScoreRecorded, derived_id


class Corrections:
    """What one person's grades come to, grade by grade. `grades` are those that this person gave before.

    `scores` are by interaction; a grade whose score has left the log corrects nothing.
    """

    def __init__(
        self, scores: Mapping[str, ScoreRecorded], grades: Iterable[AnswerGraded], grader: str
    ) -> None:
        self._scores = scores
        self._arms: dict[str, dict[Arm, AnswerGraded]] = {}
        for grade in latest(grades):
            if grade.grader == grader:
                self._note(grade)

    def after(self, grade: AnswerGraded) -> ScoreRecorded | None:
        """The correction that follows from this grade: None until both answers of its pair have one.

        None also where who asked is no evidence.
        """
        arms = self._note(grade)
        score = self._scores.get(grade.interaction_id)
        if score is None or len(arms) < 2 or not is_evidence(score):
            return None
        return correction(score, arms, grade)

    def _note(self, grade: AnswerGraded) -> dict[Arm, AnswerGraded]:
        arms = self._arms.setdefault(grade.interaction_id, {})
        arms[grade.arm] = grade
        return arms


def correction(score: ScoreRecorded, arms: Mapping[Arm, AnswerGraded], last: AnswerGraded) -> ScoreRecorded:
    """What people's grades of both arms' answers make of a score; `last` is the grade that completed them."""
    own = score.assignment.arm
    other: Arm = "candidate" if own == "control" else "control"
    return ScoreRecorded(
        event_id=derived_id("grades of a pair", score.interaction_id),
        time=last.time,
        source=SOURCE,
        rollout_id=score.rollout_id,
        interaction_id=score.interaction_id,
        interaction_time=score.interaction_time,
        assignment=score.assignment,
        capability=score.capability,
        tag_confidence=score.tag_confidence,
        value=arms[own].grade,
        other_value=arms[other].grade,
        judge=score.judge,
        basis="person",
        judged_fraction=min(grade.sampled_fraction for grade in arms.values()),
        router=score.router,
        logged=score.logged,
        prompt=score.prompt,
        by_key=score.by_key,
        corrects=Judged(value=score.value, other_value=score.other_value),
    )
