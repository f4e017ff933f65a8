"""What an audit keeps: items that both answered and that are scored, for judges on the same base to learn from."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.audit.kept_answers import (
    FILE,
    AnsweredItem,
    GradedAnswer,
    KeptAnswers,
    anchors_in,
    keep_answers,
    others_answers,
    pairs_of,
)


def kept(candidate: str, *, base: str = "b", brief: str = "s", score: float = 1.0) -> KeptAnswers:
    one = AnsweredItem(
        capability="facts",
        item="f1",
        cluster=None,
        prompt="q",
        base="a",
        base_score=1.0,
        candidate=candidate,
        candidate_score=score,
    )
    return KeptAnswers(base_sha256=base, candidate_sha256=candidate, brief_sha256=brief, answered=(one,))


def test_others_on_the_same_base_and_brief_are_learnt_from_and_nobody_else(tmp_path: Path) -> None:
    mine = kept("mine")
    for one in (mine, kept("kin"), kept("stranger", base="x"), kept("older", brief="y")):
        folder = tmp_path / one.candidate_sha256
        folder.mkdir()
        keep_answers(one, folder)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "answers.json").write_text('{"format": "of tomorrow"}')
    assert [one.candidate for one in others_answers(tmp_path, mine)] == ["kin"]


def test_both_models_answers_are_known_answers_for_the_brief_that_they_were_scored_by(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep_answers(kept("mine", score=0.25), tmp_path)
    found = [(one.answer, one.expected) for one in anchors_in(tmp_path / FILE, "s")]
    assert found == [("a", 1.0), ("mine", 0.25)]
    assert anchors_in(tmp_path / FILE, "another") == []
    (tmp_path / FILE).write_text('{"format": "of tomorrow"}')
    assert anchors_in(tmp_path / FILE, "s") == []
    assert "of another brief" in caplog.text
    assert "of an older format" in caplog.text


def test_what_a_model_graded_is_known_by_its_grade_beside_the_verifiers_score(tmp_path: Path) -> None:
    grade = GradedAnswer(capability="facts", prompt="q", answer="a", score=0.5)
    keep_answers(kept("mine").model_copy(update={"graded": (grade,)}), tmp_path)
    found = [(one.answer, one.expected, one.graded) for one in anchors_in(tmp_path / FILE, "s")]
    assert found == [("a", 1.0, False), ("mine", 1.0, False), ("a", 0.5, True)]


def test_kin_of_one_cluster_stay_together() -> None:
    (item,) = kept("mine").answered
    assert pairs_of([item])[0].group == "f1"
    assert pairs_of([item.model_copy(update={"cluster": "passage-3"})])[0].group == "passage-3"
