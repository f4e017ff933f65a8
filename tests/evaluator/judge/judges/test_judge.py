"""The judge finds an item by its prompt, and says None where it cannot tell, whatever the answer."""

from __future__ import annotations

import pytest

from evaluator.briefs.brief import JudgeSettings, LoadedBrief
from evaluator.judge.judges.judge import Judge
from tests.evaluator.support.briefs import brief, capability


@pytest.fixture
def loaded() -> LoadedBrief:
    return brief()


def test_an_item_of_either_split_is_judged_by_its_reference(loaded: LoadedBrief) -> None:
    judge = Judge(loaded)
    assert judge.judge("facts", "facts question 3", "It is right3.").value == 1.0
    assert judge.judge("facts", "facts question 3", "It is right4.").value == 0.0
    assert judge.judge("facts", "facts traffic", "never asked").value == 1.0


def test_white_space_of_the_prompt_does_not_matter(loaded: LoadedBrief) -> None:
    assert Judge(loaded).judge("facts", " facts\nquestion  3 ", "right3").value == 1.0


@pytest.mark.parametrize("answer", ["", "right3"])
def test_a_prompt_that_is_no_item_is_unscored_whatever_the_answer(loaded: LoadedBrief, answer: str) -> None:
    found = Judge(loaded).judge("facts", "what is the time?", answer)
    assert found.value is None
    assert "no reference" in found.reason


def test_an_item_of_another_capability_lends_no_reference(loaded: LoadedBrief) -> None:
    assert Judge(loaded).judge("sums", "facts question 3", "right3").value is None


def test_an_unknown_capability_is_unscored(loaded: LoadedBrief) -> None:
    found = Judge(loaded).judge("poems", "facts question 3", "right3")
    assert found.value is None
    assert "names no capability 'poems'" in found.reason


def test_an_empty_answer_to_an_item_is_zero(loaded: LoadedBrief) -> None:
    assert Judge(loaded).judge("facts", "facts question 3", " ").value == 0.0


def test_the_options_of_the_brief_reach_the_verifier() -> None:
    short = JudgeSettings(verifier="contains_answer", options={"max_words": 2})
    loaded = brief(capability("support", role="target"), capability("facts", judge=short))
    judge = Judge(loaded)
    assert judge.judge("facts", "facts question 3", "right3").value == 1.0
    assert judge.judge("facts", "facts question 3", "it is right3").value == 0.0


def test_the_version_is_the_same_for_the_same_and_changes_with_brief_and_options(loaded: LoadedBrief) -> None:
    other = JudgeSettings(verifier="contains_answer", options={"max_words": 2})
    versions = [
        Judge(loaded).version,
        Judge(loaded.model_copy(update={"sha256": "c" * 64})).version,
        Judge(brief(capability("support", role="target"), capability("facts"))).version,
        Judge(brief(capability("support", role="target"), capability("facts", judge=other))).version,
    ]
    assert Judge(brief()).version == versions[0]
    assert len(set(versions)) == len(versions)
    assert versions[0].startswith("verifiers@")
