"""A judging model is asked again about answers that it scored in the audit: how often, about which, at whose cost."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from evaluator.briefs.brief import JudgeSettings, LoadedBrief
from evaluator.judge.judges.anchors import Anchor, Anchors
from evaluator.judge.judges.judge import Judge
from evaluator.verifiers import Judgement
from evaluator.verifiers.judgement import EMPTY, Failure, failed, unscored
from telemetry.events import AnchorJudged, now
from tests.evaluator.support.briefs import brief, capability
from tests.evaluator.support.fake_openai import serving
from tests.evaluator.support.judge_client import graded
from tests.evaluator.support.judging_server import with_code

GOOD = Judgement(1.0, "fine", basis="model")


class Says:
    """A judge that always says the same, and counts."""

    def __init__(self, said: Judgement = GOOD) -> None:
        self.said = said
        self.asked: list[tuple[str, str, str]] = []

    def judge_anew(self, capability: str, prompt: str, answer: str) -> Judgement:
        self.asked.append((capability, prompt, answer))
        return self.said


def loaded(url: str = "http://judge", **changes: Any) -> LoadedBrief:
    endpoint = {"url": url, "model": "grader", "rubric": "It is polite.", "best": 5} | changes
    return brief(
        capability("support", role="target"),
        capability("facts", judge=JudgeSettings.model_validate({"endpoint": endpoint})),
    )


def known(count: int, name: str = "facts") -> list[Anchor]:
    return [Anchor(name, f"facts question {n}", f"answer {n}", 0.5) for n in range(count)]


def asked(
    anchors: Anchors, interactions: int, rollout: str = "r1", name: str = "facts"
) -> list[AnchorJudged]:
    found = (anchors.beside(rollout, f"interaction-{n}", name) for n in range(interactions))
    return [one for one in found if one is not None]


def test_an_anchor_names_every_capability_that_its_judge_scores() -> None:
    def graded_by(model: str) -> JudgeSettings:
        endpoint = {"url": "http://judge", "model": model, "rubric": "It is polite.", "anchors": 1.0}
        return JudgeSettings.model_validate({"endpoint": endpoint})

    shared = brief(
        capability("support", role="target"),
        capability("replies", judge=graded_by("grader")),
        capability("facts", judge=graded_by("grader")),
        capability("jokes", judge=graded_by("another")),
    )
    (one,) = asked(Anchors(shared, known(3), Says()), 1)
    assert one.capabilities == ("facts", "replies")


def test_that_all_known_answers_were_asked_is_said_once_though_the_judge_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = Anchors(loaded(anchors=1.0), known(1), Says(failed(Failure("grader", "no answer", now()))))
    assert asked(away, 20) == []
    assert [record for record in caplog.records if "were asked about" in record.message] == caplog.records
    assert len(caplog.records) == 1


def test_one_is_asked_beside_the_fraction_of_interactions_that_the_brief_says() -> None:
    for fraction, low, high in [(0.0, 0, 0), (0.05, 70, 130), (1.0, 2000, 2000)]:
        anchors = Anchors(loaded(anchors=fraction), known(3000), Says())
        assert low <= len(asked(anchors, 2000)) <= high
    assert loaded().brief.capabilities[1].judge.endpoint.anchors == 0.05  # type: ignore[union-attr]


def test_which_interactions_it_is_follows_from_their_ids_alone() -> None:
    picks = []
    for said in (GOOD, Judgement(0.0, "bad", basis="model")):
        anchors = Anchors(loaded(anchors=0.1), known(500), Says(said))
        picks.append([n for n in range(300) if anchors.beside("r1", f"interaction-{n}", "facts") is not None])
    assert picks[0] == picks[1]


def test_each_known_answer_is_asked_about_once_a_rollout(caplog: pytest.LogCaptureFixture) -> None:
    judge = Says()
    anchors = Anchors(loaded(anchors=1.0), known(40), judge)
    assert len({one.name for one in asked(anchors, 100)}) == len(judge.asked) == 40
    assert "all 40 known answers of grader were asked about" in caplog.text
    assert len(asked(anchors, 100, rollout="r2")) == 40


def test_it_says_what_the_audit_had_said_and_what_is_said_now() -> None:
    (one,) = asked(Anchors(loaded(anchors=1.0), known(1), Says()), 1)
    assert (one.judge, one.expected, one.value) == ("grader", 0.5, 1.0)


def test_the_same_answer_to_the_same_prompt_is_one_and_an_empty_one_none() -> None:
    twice = [*known(3), *known(3), Anchor("facts", "facts question 9", " ", 0.0)]
    assert len(Anchors(loaded(), twice, Says())) == 3


def test_of_what_programs_score_in_the_audit_there_is_only_what_the_model_graded_too() -> None:
    both = {
        "verifier": "contains_answer",
        "unseen": ["endpoint"],
        "endpoint": {"url": "http://judge", "model": "grader", "rubric": "It is polite."},
    }
    mixed = brief(
        capability("support", role="target"), capability("facts", judge=JudgeSettings.model_validate(both))
    )
    assert len(Anchors(mixed, [*known(5), *known(5, "support")], Says())) == 0
    graded = [replace(one, graded=True) for one in known(3)]
    assert len(Anchors(mixed, [*known(5), *graded, *known(5, "support")], Says())) == 3


@pytest.mark.parametrize(
    "said", [unscored("no grade", "no_grade", "model"), Judgement(0.0, "by rule", basis="rule"), EMPTY]
)
def test_without_a_grade_there_is_none_as_the_audit_left_such_answers_out(said: Judgement) -> None:
    assert asked(Anchors(loaded(anchors=1.0), known(10), Says(said)), 20) == []


def test_a_judge_that_is_away_gives_none_and_is_asked_about_it_when_it_is_back() -> None:
    judge = Says(failed(Failure("grader", "nobody there", now())))
    anchors = Anchors(loaded(anchors=1.0), known(10), judge)
    assert asked(anchors, 30) == []
    judge.said = GOOD
    assert len(asked(anchors, 30)) == 10


def test_the_model_is_asked_anew_though_it_knows_the_answer_and_at_its_budgets_cost() -> None:
    lock, asked_of = threading.Lock(), []

    def reply(_: str, body: dict[str, Any]) -> Any:
        with lock:
            asked_of.append(body["messages"][-1]["content"])
        return graded(with_code("Grade CODE: [[3]]", asked_of[-1]))

    with serving(reply) as server:
        judge = Judge(loaded(server.url, anchors=1.0, budget_per_hour=4))
        judge.judge("facts", "facts question 0", "answer 0")
        (first,) = asked(Anchors(loaded(server.url, anchors=1.0), known(1), judge), 5)
        assert (first.value, len(asked_of)) == (0.5, 2)
        assert asked_of[0].count("answer 0") == asked_of[1].count("answer 0")
        assert len(asked(Anchors(loaded(server.url, anchors=1.0), known(10), judge), 10)) == 2
    assert len(asked_of) == 4
    assert judge.asked["grader"].ended["answered"] == 4
