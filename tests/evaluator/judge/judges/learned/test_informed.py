"""The learned judge that knows how likely base finds answers: where it is kept, and that both arms are judged alike."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluator.judge.judges.calibration import Calibration
from evaluator.judge.judges.case import Case
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.learned.judge import LearnedJudge
from evaluator.judge.judges.learned.lessons import Pair
from evaluator.judge.judges.learned.model import LearnedModel, read_model, wider, write_model
from evaluator.judge.judges.learned.teaching import teach
from evaluator.judge.judges.likelihood import Likelihood, Told
from tests.evaluator.judge.judges.learned.test_teaching import LOADED, REFS, bag_of_words

HINT = "right"


class Telling:
    """Base as a script: how likely an answer is follows from its text."""

    def __init__(self, mean: Callable[[str], float | None]) -> None:
        self._mean = mean
        self.asked: list[str] = []

    def of(self, case: Case) -> Told:
        self.asked.append(case.answer)
        mean = self._mean(case.answer)
        return Told(None, "not told") if mean is None else Told(Likelihood(mean, 2.0 * mean, 5))


def by_truth(answer: str) -> float | None:
    """Base finds unlikely what is wrong: a wrong word of base's own too."""
    return -0.3 if HINT in answer else -2.5


def by_chance(answer: str) -> float | None:
    return -3.0 * hashlib.sha256(answer.encode()).digest()[0] / 255


def pairs() -> list[Pair]:
    """Base and candidate answer with words that say nothing: half of each is right, and of base's half too."""
    made = []
    for n in range(40):
        word = hashlib.sha256(str(n).encode()).hexdigest()[:6]
        own, other = (f"{HINT}{n}" if good else f"{word}{n}" for good in (n % 2 == 0, n % 4 < 2))
        made.append(
            Pair("facts", f"f{n}", f"facts question {n}", own, float(n % 2 == 0), other, float(n % 4 < 2))
        )
    return made


def taught(telling: Telling | None) -> LearnedModel:
    return teach(
        LOADED,
        pairs(),
        verify=Judge(LOADED).judge,
        embed=bag_of_words,
        encoder="bag",
        refs=REFS,
        likelihoods=telling,
    )


@pytest.fixture(scope="module")
def informed() -> LearnedModel:
    return taught(Telling(by_truth))


def test_likelihoods_are_kept_where_they_predict_better_and_not_where_they_say_nothing(
    informed: LearnedModel,
) -> None:
    assert informed.informed is not None
    without, with_them = (one.capabilities[0].worth.auc for one in (informed, informed.informed))
    assert without is not None
    assert with_them is not None
    assert without < 0.8 < 0.95 < with_them
    assert taught(Telling(by_chance)).informed is None


def test_an_engine_that_tells_of_too_few_answers_teaches_nothing() -> None:
    assert taught(Telling(lambda answer: by_truth(answer) if "1" in answer else None)).informed is None


def test_base_is_asked_about_both_answers_and_its_likelihood_reaches_the_score(
    informed: LearnedModel,
) -> None:
    judge, telling = LearnedJudge(informed, LOADED, bag_of_words), Telling(by_truth)
    cases = [Case("facts", "facts question 5", text, base="abc") for text in ("abc", "right5")]
    own, other = judge.judge_all(cases, telling)
    assert set(telling.asked) == {"abc", "right5"}
    assert (own.value or 0.0) < 0.3 < 0.7 < (other.value or 0.0)
    assert [one.basis for one in (own, other)] == ["learned"] * 2


def test_where_base_does_not_tell_of_one_answer_both_are_judged_without(informed: LearnedModel) -> None:
    judge = LearnedJudge(informed, LOADED, bag_of_words)
    cases = [Case("facts", "facts question 5", text, base="abc") for text in ("abc", "right5")]
    untold = judge.judge_all(cases, Telling(lambda answer: None if answer == "right5" else -1.0))
    assert untold == judge.judge_all(cases)


def test_an_empty_answer_is_zero_and_leaves_the_other_arms_score_as_it_was(informed: LearnedModel) -> None:
    judge, telling = LearnedJudge(informed, LOADED, bag_of_words), Telling(by_truth)
    own = Case("facts", "facts question 5", "right5", base="right5")
    both = judge.judge_all([own, Case("facts", "facts question 5", " ", base="right5")], telling)
    assert both[0] == judge.judge_all([own], telling)[0]
    assert both[1].value == 0.0


def test_the_wider_calibration_holds_for_either_set_of_weights(
    informed: LearnedModel, tmp_path: Path
) -> None:
    assert wider(Calibration(0.1, 0.4, 80), Calibration(0.2, 0.3, 79)) == Calibration(0.2, 0.4, 79)
    assert informed.informed is not None
    one, other = (fit.capabilities[0].worth.shift_high for fit in (informed, informed.informed))
    assert informed.calibrations["facts"].shift_high == max(one, other)
    write_model(informed, tmp_path / "learned.json")
    assert read_model(tmp_path / "learned.json", "bag") == informed
