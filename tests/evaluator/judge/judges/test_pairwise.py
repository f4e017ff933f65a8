"""Pairs: judged in both orders, a tie where the orders disagree, by the same nonce as single answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from evaluator.briefs.brief import JudgeEndpoint
from evaluator.judge.judges.client import JudgeClient
from evaluator.judge.judges.pairwise import PairJudge, PairJudgement, inconsistent, verdict_of, version_of
from tests.evaluator.support.fake_openai import Fake, chat_completion, serving
from tests.evaluator.support.judging_server import with_code

Judges = Callable[[str], str]
"""From what a judge is shown to its reply, with CODE for the nonce."""


def settings(url: str = "http://judge", **changes: Any) -> JudgeEndpoint:
    fields = {"url": url, "model": "grader", "rubric": "It is right.", "best": 5}
    return JudgeEndpoint.model_validate(fields | changes)


def judged(judges: Judges, *pair: str, **changes: Any) -> tuple[PairJudgement, Fake]:
    def answer(path: str, body: dict[str, Any]) -> Any:  # noqa: ARG001 - a server's shape
        shown = body["messages"][-1]["content"]
        return 200, chat_completion(with_code(judges(shown), shown))

    with serving(answer) as fake:
        one = settings(fake.url, **changes)
        judge = PairJudge(one, JudgeClient(fake.url, "grader", first_pause_s=0.0, attempts=1))
        found = judge.judge("What is 2 + 2?", *pair)
        assert judge.judge("What is 2 + 2?", *pair).verdict == found.verdict
    return found, fake


def place_of(better: str) -> Judges:
    """A judge that finds the answer with this text better, wherever it stands; an A where neither has it."""

    def reply(shown: str) -> str:
        second = shown.split("<<answer B ")[1]
        return f"Verdict CODE: [[{'B' if better in second else 'A'}]]"

    return reply


@pytest.mark.parametrize(
    ("better", "verdict", "scores"),
    [("four", "control", (1.0, 0.0)), ("five", "candidate", (0.0, 1.0)), ("nine", "tie", (0.5, 0.5))],
)
def test_a_pair_is_judged_in_both_orders(better: str, verdict: str, scores: tuple[float, float]) -> None:
    found, fake = judged(place_of(better), "It is four.", "It is five.")
    assert (found.verdict, found.control, found.candidate) == (verdict, *scores)
    assert found.inconsistent == (better == "nine")
    assert len(fake.requests) == 2, "the same pair is asked about once"
    shown = [body["messages"][-1]["content"] for _, body, _ in fake.requests]
    assert [one.index("four") < one.index("five") for one in shown] == [True, False]


def test_a_judge_that_finds_neither_better_is_consistent() -> None:
    found, _ = judged(lambda shown: "Verdict CODE: [[C]]", "a", "b")  # noqa: ARG005 - a judge's shape
    assert (found.verdict, found.inconsistent) == ("tie", False)


def test_changing_the_arms_places_changes_who_wins_and_nothing_else() -> None:
    mirrored = {"candidate": "control", "control": "candidate", "tie": "tie", None: None}
    for first in ("A", "B", "C", None):
        for second in ("A", "B", "C", None):
            assert verdict_of(second, first) == mirrored[verdict_of(first, second)]
            assert inconsistent(first, second) == inconsistent(second, first)


def test_equal_answers_are_a_tie_and_an_empty_one_loses_and_nobody_is_asked() -> None:
    for pair, verdict in (
        (("a", " a\n"), "tie"),
        ((" ", ""), "tie"),
        (("a", " "), "control"),
        (("", "b"), "candidate"),
    ):
        found, fake = judged(place_of("a"), *pair)
        assert (found.verdict, fake.requests) == (verdict, [])


def test_where_it_would_not_compare_each_is_graded_alone_by_the_rule_of_the_brief() -> None:
    def declines(shown: str) -> str:
        if "broken" in shown:
            return "I would rather not."
        return "Grade CODE: [[4]]"

    found, fake = judged(declines, "It is four.", "broken")
    assert (found.verdict, found.basis) == ("control", "rule")
    assert len(fake.requests) == 2 + 2


def test_without_a_rule_a_pair_that_it_would_not_compare_has_no_verdict() -> None:
    found, _ = judged(lambda shown: "No.", "a", "b", no_grade=None)  # noqa: ARG005 - a judge's shape
    assert (found.verdict, found.control, found.code, found.failure) == (None, None, "no_grade", None)


def test_a_judge_that_is_away_gives_no_verdict_and_has_failed() -> None:
    with serving(lambda path, body: (500, "away")) as fake:  # noqa: ARG005 - a server's shape
        judge = PairJudge(settings(fake.url), JudgeClient(fake.url, "grader", attempts=1))
        found = judge.judge("q", "a", "b")
        over = PairJudge(settings(), JudgeClient(fake.url, "grader", attempts=1, budget_per_hour=1))
        over.judge("q", "a", "b")
        spent = over.judge("q", "a", "a")
    assert (found.verdict, found.code) == (None, "failed")
    assert found.failure is not None
    assert (spent.verdict, spent.code) == (None, "over_budget")


def test_a_verdict_held_to_a_schema_needs_the_code_too() -> None:
    found, fake = judged(
        lambda shown: '{"code": "CODE", "reason": "", "verdict": "C"}',  # noqa: ARG005 - a judge's shape
        "a",
        "b",
        output="json_schema",
    )
    assert found.verdict == "tie"
    assert "verdict" in fake.requests[0][1]["response_format"]["json_schema"]["schema"]["properties"]
    found, _ = judged(
        lambda shown: '{"code": "0000000000", "reason": "", "verdict": "C"}',  # noqa: ARG005 - likewise
        "a",
        "b",
        output="json_schema",
        no_grade=None,
    )
    assert found.verdict is None


def test_the_version_changes_with_what_a_verdict_follows_from() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"url": "http://b"},
        {"model": "b"},
        {"rubric": "b"},
        {"no_grade": None},
    ]
    assert len({version_of(settings(**one)) for one in changes}) == len(changes)
    assert version_of(settings(api_key_env="A", budget_per_hour=3)) == version_of(settings())
