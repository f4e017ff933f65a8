"""A model that judges only what users send grades answers of the audit: which, by what it is shown, at what limit."""

from __future__ import annotations

from typing import Any

from evaluator.audit.graded_answers import MOST, graded, to_grade
from evaluator.audit.kept_answers import AnsweredItem
from evaluator.briefs.brief import JudgeSettings, LoadedBrief
from evaluator.judge.judges.anchors import Anchor
from evaluator.judge.judges.judge import Judge
from evaluator.verifiers import Judgement
from evaluator.verifiers.judgement import EMPTY, Failure, failed, unscored
from telemetry.events import now
from tests.evaluator.support.briefs import brief, capability
from tests.evaluator.support.fake_openai import serving
from tests.evaluator.support.judge_client import graded as reply
from tests.evaluator.support.judging_server import with_code


def beside_a_verifier(url: str = "http://judge", **changes: Any) -> JudgeSettings:
    endpoint = {"url": url, "model": "grader", "rubric": "It is polite.", "best": 5} | changes
    return JudgeSettings.model_validate(
        {"verifier": "contains_answer", "unseen": ["endpoint"], "endpoint": endpoint}
    )


def by_model(model: str) -> JudgeSettings:
    return JudgeSettings.model_validate(
        {"endpoint": {"url": "http://judge", "model": model, "rubric": "It is polite."}}
    )


def loaded(judge: JudgeSettings, **others: JudgeSettings) -> LoadedBrief:
    return brief(
        capability("support", role="target"),
        capability("facts", judge=judge),
        *(capability(name, judge=one) for name, one in others.items()),
    )


def item(n: int, name: str = "facts", base: str | None = None, score: float = 1.0) -> AnsweredItem:
    return AnsweredItem(
        capability=name,
        item=f"{name}-{n}",
        cluster=None,
        prompt=f"{name} question {n}",
        base=f"base says {n}" if base is None else base,
        base_score=score,
        candidate=f"candidate says {n}",
        candidate_score=0.0,
    )


def test_both_arms_answers_of_the_capability_are_graded_each_once_and_no_other() -> None:
    answered = [item(1), item(1), item(2, base=" "), item(1, "support")]
    found = to_grade(loaded(beside_a_verifier()), answered)
    assert {model: sorted(one.answer for one in own) for model, own in found.items()} == {
        "grader": ["base says 1", "candidate says 1", "candidate says 2"]
    }


def test_a_model_grades_no_more_than_it_takes_whatever_the_scores_and_the_order() -> None:
    judged = loaded(beside_a_verifier())
    (some,) = to_grade(judged, [item(n) for n in range(MOST)]).values()
    (same,) = to_grade(judged, [item(n, score=0.0) for n in reversed(range(MOST))]).values()
    assert len(some) == MOST
    assert some == same


def test_nothing_is_asked_where_no_anchor_is_wanted_or_another_capabilitys_items_give_them() -> None:
    assert to_grade(loaded(beside_a_verifier(anchors=0.0)), [item(1)]) == {}
    assert to_grade(loaded(beside_a_verifier(), sums=by_model("grader")), [item(1)]) == {}
    assert list(to_grade(loaded(beside_a_verifier(), sums=by_model("other")), [item(1)])) == ["grader"]
    assert to_grade(loaded(by_model("grader")), [item(1)]) == {}


def test_what_was_not_graded_is_left_out() -> None:
    said = {
        "yes": Judgement(0.75, "fine", basis="model"),
        "none": unscored("no grade", "no_grade", "model"),
        "rule": Judgement(0.0, "by rule", basis="rule"),
        "empty": EMPTY,
        "away": failed(Failure("grader", "nobody there", now())),
    }

    class Says:
        def judge_anew(self, capability: str, prompt: str, answer: str) -> Judgement:  # noqa: ARG002 -- a judge's shape
            return said[answer]

    anchors = [Anchor("facts", "q", answer, 0.0) for answer in said]
    assert [(one.answer, one.score) for one in graded(anchors, Says())] == [("yes", 0.75)]


def test_the_model_is_shown_no_reference_as_users_prompts_have_none() -> None:
    shown: list[str] = []

    def says(_: str, body: dict[str, Any]) -> Any:
        shown.append(body["messages"][-1]["content"])
        return reply(with_code("Grade CODE: [[5]]", shown[-1]))

    with serving(says) as server:
        judged = loaded(beside_a_verifier(server.url))
        prompt, reference = judged.items["facts"][0].prompt, judged.items["facts"][0].reference
        assert reference is not None
        (one,) = graded([Anchor("facts", prompt, "an answer", 0.0, graded=True)], Judge(judged))
    assert one.score == 1.0
    assert "an answer" in shown[0]
    assert "for comparison" not in shown[0]
