"""What people's grades say of the other judges, and the calibrations that follow for a rollout's terms.

A person did not know which arm answered, and the answers were drawn by id. So the mean of judged score - grade over
an arm is the judge's error on that arm, and the two gaps of a pair of which both answers were graded are what
`calibration.calibrate_pairs` asks for. Its bounds hold at all times together: grading on after a look is allowed. The
bounds of `error.calibrate` (Clopper and Pearson) hold for a number of grades that was fixed beforehand.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Literal

from evaluator.judge.judges.calibration import Calibration, calibrate_pairs
from evaluator.judge.judges.error import Gold, JudgeError, calibrate
from evaluator.judge.judges.sampling import lot
from evaluator.judge.reviewing.grades import latest
from evaluator.watch.planning.judge_terms import JudgeTerms, of_calibration, of_error
from evaluator.watch.planning.terms import Measured
from telemetry.errors import UsageError
from telemetry.events import AnswerGraded, Arm, ModelRef, RolloutSpec, ScoreRecorded, Value

NO_PROGRAMS: Final = frozenset({"learned", "agreement", "likelihood", "model", "rule"})
"""What a score may rest on besides programs, which are right by definition.

Of answers that a person is shown (none of them failed), `rule` is what a model would not grade: its error too.
"""
GOOD_ABOVE: Final = 0.5


@dataclass(frozen=True, slots=True)
class GradedAnswer:
    """One answer with its grade (the mean over graders) and what the judge gave it."""

    interaction_id: str
    capability: str
    arm: Arm
    grade: float
    judged: float
    basis: str


class ArmGrades(Value):
    """The graded answers of one arm: how many, their mean grade, and the mean of judged score - grade."""

    n: int
    mean_grade: float | None
    mean_error: float | None


class GradedJudge(Value):
    """One judge of one capability beside people. `agreement` is the share on the same side of one half.

    `calibration` is of pairs of which both answers were graded; `error` (good means above one half, arms apart) is
    None where an arm has no good or no bad answer. `binary` says whether the judge gave nothing but 0 and 1.
    """

    capability: str
    basis: str
    answers: int
    agreement: float
    control: ArmGrades
    candidate: ArmGrades
    calibration: Calibration | None
    error: JudgeError | None
    binary: bool

    @property
    def measured(self) -> Measured | None:
        """What a rollout's terms can use: of pairs where there are any, else of labels if the judge says yes or no.

        The formula of `error` is for means of yes and no alone, so that it says nothing of a judge that grades.
        """
        return self.calibration or (self.error if self.binary else None)

    def terms(self, tolerated: float) -> JudgeTerms | None:
        """What follows for a drop of `tolerated`; None where nothing could be measured."""
        measured = self.measured
        if isinstance(measured, Calibration):
            return of_calibration(tolerated, measured, self.basis)
        return None if measured is None else of_error(tolerated, measured, self.basis)


class GradedJudges(Value):
    """All that the grades of one rollout say. `calibrations` are of judges that are no programs, by capability.

    `passed_over` counts the grades that say nothing of the judge `judge`, by reason.
    """

    format: Literal["belay-grades-1"] = "belay-grades-1"
    rollout_id: str
    base: ModelRef
    candidate: ModelRef
    brief_sha256: str
    judge: str
    graders: tuple[str, ...]
    grades: int
    passed_over: dict[str, int]
    judges: tuple[GradedJudge, ...]
    calibrations: dict[str, Calibration | JudgeError]


def judges_graded(
    spec: RolloutSpec, grades: Iterable[AnswerGraded], scores: Mapping[str, ScoreRecorded]
) -> GradedJudges:
    """What the grades say of each judge. `scores` by interaction; those of the newest judge version count."""
    last = latest(grades)
    newest = max((s for g in last if (s := scores.get(g.interaction_id))), key=lambda s: s.time, default=None)
    version = "" if newest is None else newest.judge
    answers, passed = _answers(last, scores, version)
    parts: dict[tuple[str, str], list[GradedAnswer]] = defaultdict(list)
    whole: dict[str, list[GradedAnswer]] = defaultdict(list)
    for answer in answers:
        parts[answer.capability, answer.basis].append(answer)
        if answer.basis in NO_PROGRAMS:
            whole[answer.capability].append(answer)
    found = {name: judge_graded(name, "", own).measured for name, own in whole.items()}
    return GradedJudges(
        rollout_id=spec.rollout_id,
        base=spec.base,
        candidate=spec.candidate,
        brief_sha256=spec.brief_sha256,
        judge=version,
        graders=tuple(sorted({g.grader for g in last})),
        grades=len(last),
        passed_over=dict(passed),
        judges=tuple(judge_graded(*key, own) for key, own in sorted(parts.items())),
        calibrations={name: one for name, one in sorted(found.items()) if one is not None},
    )


def judge_graded(capability: str, basis: str, answers: Sequence[GradedAnswer]) -> GradedJudge:
    """What the graded answers, one or more, say of one judge."""
    pairs = pairs_of(answers)
    return GradedJudge(
        capability=capability,
        basis=basis,
        answers=len(answers),
        agreement=fmean((a.judged > GOOD_ABOVE) == (a.grade > GOOD_ABOVE) for a in answers),
        control=_arm(answers, "control"),
        candidate=_arm(answers, "candidate"),
        calibration=calibrate_pairs([j for j, _ in pairs], [t for _, t in pairs]) if pairs else None,
        error=_error(answers),
        binary=all(a.judged in (0.0, 1.0) for a in answers),
    )


def pairs_of(answers: Iterable[GradedAnswer]) -> list[tuple[float, float]]:
    """The judged and the true gap, control - candidate, of each interaction of which both answers were graded.

    In the order of the interactions' lots, which no error can depend on.
    """
    arms: dict[str, dict[Arm, GradedAnswer]] = defaultdict(dict)
    for a in answers:
        arms[a.interaction_id][a.arm] = a
    both = sorted((lot(name), name) for name, own in arms.items() if len(own) == 2)
    ordered = [(arms[name]["control"], arms[name]["candidate"]) for _, name in both]
    return [(c.judged - d.judged, c.grade - d.grade) for c, d in ordered]


def _answers(
    grades: Sequence[AnswerGraded], scores: Mapping[str, ScoreRecorded], judge: str
) -> tuple[list[GradedAnswer], Counter[str]]:
    """Each graded answer that the judge of this version scored, once, and why the grades of others are left out."""
    given: dict[tuple[str, Arm], list[float]] = defaultdict(list)
    for grade in grades:
        given[grade.interaction_id, grade.arm].append(grade.grade)
    answers: list[GradedAnswer] = []
    passed: Counter[str] = Counter()
    for (interaction_id, arm), values in given.items():
        score = scores.get(interaction_id)
        value = None if score is None else score.value if score.assignment.arm == arm else score.other_value
        if score is None or score.capability is None:
            passed["its score has left the log"] += len(values)
        elif score.judge != judge:
            passed["scored by another version of the judge"] += len(values)
        elif value is None:
            passed["unscored"] += len(values)
        else:
            basis = score.basis or "reference"
            answers.append(GradedAnswer(interaction_id, score.capability, arm, fmean(values), value, basis))
    return answers, passed


def _arm(answers: Iterable[GradedAnswer], arm: Arm) -> ArmGrades:
    own = [a for a in answers if a.arm == arm]
    return ArmGrades(
        n=len(own),
        mean_grade=fmean(a.grade for a in own) if own else None,
        mean_error=fmean(a.judged - a.grade for a in own) if own else None,
    )


def _error(answers: Iterable[GradedAnswer]) -> JudgeError | None:
    gold = [Gold(a.grade > GOOD_ABOVE, a.judged > GOOD_ABOVE, a.arm) for a in answers]
    try:
        return calibrate(gold, same_for_both_arms=False)
    except UsageError:
        return None
