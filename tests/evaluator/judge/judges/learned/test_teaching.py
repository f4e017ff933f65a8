"""The judge that an audit teaches: what it predicts on prompts it never saw, and what it says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluator.judge.judges.case import Case
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.learned.damage import damaged
from evaluator.judge.judges.learned.features import NAMES, features
from evaluator.judge.judges.learned.fitting import cross_fitted, fit
from evaluator.judge.judges.learned.judge import LearnedJudge
from evaluator.judge.judges.learned.lessons import Pair
from evaluator.judge.judges.learned.model import LearnedModel, read_model, write_model
from evaluator.judge.judges.learned.teaching import FEWEST, teach
from telemetry.errors import AttestationError, UsageError
from telemetry.events import ModelRef
from tests.evaluator.support.briefs import brief

REFS = (ModelRef(name="base", sha256="b"), ModelRef(name="candidate", sha256="c"))
LOADED = brief()


def bag_of_words(texts: Sequence[str]) -> NDArray[np.float32]:
    """A stand-in for an encoder: hashed words, unit length."""
    rows = np.zeros((len(texts), 64), np.float32)
    for at, text in enumerate(texts):
        for word in text.casefold().split():
            rows[at, hashlib.sha256(word.encode()).digest()[0] % 64] += 1.0
        rows[at] /= np.linalg.norm(rows[at]) or 1.0
    return rows


def pairs(wrong_each: int, count: int = 60) -> list[Pair]:
    """Base is right but for every fifth item; the candidate says what base says but for every `wrong_each`-th."""
    made = []
    for name in ("facts", "sums"):
        for n in range(count):
            right = f"It is right{n}." if n % 5 else "I am not at all sure about that one today"
            other = "Thank you for writing to us! Kind regards." if n % wrong_each == 0 else right
            made.append(
                Pair(
                    name,
                    f"{name}-{n}",
                    f"{name} question {n}",
                    right,
                    float(n % 5 > 0),
                    other,
                    float(other.startswith("It is")),
                )
            )
    return made


@pytest.fixture(scope="module")
def model() -> LearnedModel:
    return teach(
        LOADED,
        pairs(3),
        verify=Judge(LOADED).judge,
        embed=bag_of_words,
        encoder="bag",
        refs=REFS,
    )


def test_its_mean_over_an_arm_is_the_truth_of_a_candidate_that_it_never_saw(model: LearnedModel) -> None:
    judge = LearnedJudge(model, LOADED, bag_of_words)
    for each in (2, 7):
        other = [p for p in pairs(each, 200) if p.capability == "facts"]
        found = judge.judge_all([Case("facts", p.prompt, p.other, base=p.base) for p in other])
        mean = sum(one.value or 0.0 for one in found) / len(found)
        assert mean == pytest.approx(sum(p.other_score for p in other) / len(other), abs=0.05)


def test_answers_that_say_what_base_says_score_what_bases_do(model: LearnedModel) -> None:
    judge = LearnedJudge(model, LOADED, bag_of_words)
    own, same = judge.judge_all(
        [Case("facts", "facts question 7", text, base="It is right7.") for text in ("It is right7.",) * 2]
    )
    assert own.value == same.value


def test_it_says_what_it_is_worth_on_prompts_that_it_did_not_learn_from(model: LearnedModel) -> None:
    (facts,) = [one for one in model.capabilities if one.name == "facts"]
    assert facts.worth.auc is not None
    assert facts.worth.auc > 0.95
    assert facts.worth.labels == 60
    assert facts.worth.candidate.true == pytest.approx(sum(p.other_score for p in pairs(3)[:60]) / 60)
    assert 0.0 < facts.worth.shift_high < 0.4
    low, high = facts.worth.control.of_good.low, facts.worth.control.of_good.high
    assert low is not None
    assert high is not None
    assert low <= (facts.worth.control.of_good.estimate or 0.0) <= high


def test_the_same_answers_teach_the_same_judge(model: LearnedModel) -> None:
    again = teach(LOADED, pairs(3), verify=Judge(LOADED).judge, embed=bag_of_words, encoder="bag", refs=REFS)
    assert again.sha256 == model.sha256


def test_it_comes_back_from_disk_as_it_was(model: LearnedModel, tmp_path: Path) -> None:
    file = tmp_path / "learned.json"
    write_model(model, file)
    assert read_model(file, "bag") == model
    with pytest.raises(AttestationError, match="another version"):
        read_model(file, "another encoder")
    file.write_text("{}")
    with pytest.raises(AttestationError, match="no learned judge"):
        read_model(file, "bag")
    with pytest.raises(AttestationError, match="An audit leaves one"):
        read_model(tmp_path / "nothing.json", "bag")


def test_what_it_was_not_taught_and_what_lacks_bases_answer_is_unscored(model: LearnedModel) -> None:
    judge = LearnedJudge(model, LOADED, bag_of_words)
    assert judge.judge(Case("riddles", "q", "a", base="a")).code == "no_judge"
    assert judge.judge(Case("facts", "q", "a")).code == "no_pair"
    assert judge.judge(Case("facts", "q", " ", base="a")).value == 0.0


def test_too_few_answers_teach_nothing() -> None:
    with pytest.raises(UsageError, match="no capability has"):
        teach(
            LOADED,
            pairs(3, FEWEST - 1),
            verify=Judge(LOADED).judge,
            embed=bag_of_words,
            encoder="bag",
            refs=REFS,
        )


# --- its parts --------------------------------------------------------------------------------------


@given(
    answer=st.text(max_size=80), others=st.lists(st.text(max_size=40), max_size=3), key=st.text(max_size=8)
)
def test_damage_is_drawn_by_its_key_and_always_damages(answer: str, others: list[str], key: str) -> None:
    found = damaged(answer, others, ["canned"], key)
    assert found == damaged(answer, others, ["canned"], key)
    assert all(text.split() != answer.split() for _, text in found)


@given(prompt=st.text(max_size=60), answer=st.text(max_size=60), base=st.text(max_size=60))
def test_every_case_has_finite_features(prompt: str, answer: str, base: str) -> None:
    row = features([Case("facts", prompt, answer, base=base)], bag_of_words, "number", {})
    assert row.shape == (1, len(NAMES))
    assert np.isfinite(row).all()


def test_a_fit_predicts_the_mean_of_fractional_scores() -> None:
    chance = np.random.default_rng(3)
    rows = chance.normal(size=(400, 3))
    level = 1.0 / (1.0 + np.exp(-2.0 * rows[:, 0]))
    capability = np.repeat([0, 1], 200)
    found = fit(rows, level, capability, 2).predict(rows, capability)
    assert np.abs(found - level).mean() < 0.03
    assert found.mean() == pytest.approx(level.mean(), abs=0.01)


def test_a_capability_may_differ_from_the_others() -> None:
    chance = np.random.default_rng(5)
    rows = chance.normal(size=(600, 2))
    capability = np.repeat([0, 1], 300)
    good = (np.where(capability == 0, rows[:, 0], -rows[:, 0]) > 0).astype(float)
    found = cross_fitted(rows, good, capability, 2, [str(n) for n in range(600)])
    assert ((found > 0.5) == (good > 0.5)).mean() > 0.95


def test_no_prediction_comes_from_a_fit_that_saw_its_group() -> None:
    """With a feature that names the group, whoever had seen the group would know its score."""
    chance = np.random.default_rng(9)
    groups = [str(n // 2) for n in range(200)]
    score = np.repeat(chance.integers(0, 2, 100), 2).astype(float)
    rows = np.eye(100)[np.repeat(np.arange(100), 2)]
    found = cross_fitted(rows, score, np.zeros(200, dtype=np.int64), 1, groups)
    assert np.corrcoef(found, score)[0, 1] < 0.3


def test_scores_that_are_all_alike_give_that_score() -> None:
    rows = np.arange(20.0).reshape(10, 2)
    found = fit(rows, np.ones(10), np.zeros(10, dtype=np.int64), 1).predict(rows, [0] * 10)
    assert found.min() > 0.9
