"""Base's second answer: how it is asked for, and that chance is no drop by it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from evaluator.briefs.brief import JudgeSettings
from evaluator.briefs.judges import JudgeAddress
from evaluator.judge.judges.case import Case
from evaluator.judge.judges.client import JudgeClient, Reply
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.likeness import by_second_answer, likeness
from evaluator.judge.judges.means import Means
from evaluator.judge.judges.yardstick import MAX_TOKENS, SecondAnswers, max_tokens_of
from telemetry.events import Message
from tests.evaluator.judge.judges.learned.test_teaching import bag_of_words
from tests.evaluator.support.briefs import brief, capability
from tests.evaluator.support.fake_openai import chat_completion, serving
from tests.evaluator.support.judge_client import client

BY_LIKENESS = JudgeSettings.model_validate(
    {"verifier": "contains_answer", "unseen": ("agreement",), "base": {"again": 0.5}}
)
WORDS = ("oslo", "bergen", "tromso")


def drawn(who: str, n: int) -> str:
    """A draw of the same model: one of three answers, by chance alone."""
    return random.Random(f"{who} {n}").choice(WORDS)


def test_the_second_answer_is_drawn_as_the_first_one_was_but_for_its_seed() -> None:
    asked = {"temperature": 0.7, "top_p": 0.9, "seed": 3, "max_tokens": 40, "stream": True, "user": "u"}
    with serving(lambda path, body: (200, chat_completion("again"))) as fake:  # noqa: ARG005 - a server's shape
        reply = SecondAnswers(client(fake.url)).to(Case("facts", "Why?", "So.", parameters=asked))
    (_, body, _) = fake.requests[0]
    assert reply.text == "again"
    assert {name: body.get(name) for name in ("temperature", "top_p", "max_tokens", "seed", "stream", "user")} == {
        "temperature": 0.7, "top_p": 0.9, "max_tokens": 40, "seed": None, "stream": None, "user": None,
    }  # fmt: skip


def test_a_request_that_bounds_nothing_is_bounded_here() -> None:
    assert [
        max_tokens_of(p) for p in ({}, {"max_tokens": None}, {"max_tokens": True}, {"max_tokens": 0})
    ] == [MAX_TOKENS] * 4
    assert max_tokens_of({"max_completion_tokens": 9, "max_tokens": 7}) == 9


def test_both_arms_are_measured_by_one_second_answer() -> None:
    replies = iter(["first", "second"])
    with serving(lambda path, body: (200, chat_completion(next(replies)))) as fake:  # noqa: ARG005 - a server's shape
        seconds = SecondAnswers(client(fake.url))
        one = seconds.to(Case("facts", "q", "a", interaction="i-1"))
        assert seconds.to(Case("facts", "q", "b", interaction="i-1")) == one
        assert seconds.to(Case("facts", "q", "a", interaction="i-2")) != one


class Drawing(JudgeClient):
    """Base as a draw for every question."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9", "base")
        self.numbers = iter(range(10**6))

    def ask(self, conversation: Sequence[Message], max_tokens: int, **options: Any) -> Reply:  # noqa: ARG002 - as the client
        return Reply(drawn("again", next(self.numbers)))


def test_a_candidate_that_is_base_loses_nothing_by_the_second_answer_and_much_by_the_first() -> None:
    seconds, known = SecondAnswers(Drawing()), ("contains_answer", {}, bag_of_words)
    by_first, by_second = [], []
    for n in range(400):
        base, candidate = drawn("base", n), drawn("candidate", n)
        cases = [Case("facts", f"q{n}", text, base=base, interaction=f"i{n}") for text in (base, candidate)]
        one = [likeness(case, *known).value or 0.0 for case in cases]
        two = [by_second_answer(case, *known, seconds).value or 0.0 for case in cases]
        by_first.append(one[0] - one[1])
        by_second.append(two[0] - two[1])
    assert np.mean(by_first) > 0.4, "two of three draws differ"
    assert abs(np.mean(by_second)) < 3.0 * np.std(by_second) / 20.0


def test_a_candidate_that_says_something_else_still_drops() -> None:
    with serving(lambda path, body: (200, chat_completion("oslo"))) as fake:  # noqa: ARG005 - a server's shape
        seconds = SecondAnswers(client(fake.url))
        cases = [Case("facts", "q", text, base="oslo") for text in ("oslo", "thank you for writing")]
        found = [by_second_answer(case, None, {}, bag_of_words, seconds).value for case in cases]
    assert found[0] == 1.0
    assert (found[1] or 0.0) < 0.3


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ((500, "away"), "failed"),
        ((400, {"error": "context length"}), "base_failed"),
        ((200, chat_completion(" ")), "base_failed"),
    ],
)
def test_without_a_second_answer_neither_arm_has_a_score(reply: tuple[int, Any], code: str) -> None:
    with serving(lambda path, body: reply) as fake:  # noqa: ARG005 - a server's shape
        seconds = SecondAnswers(client(fake.url, attempts=1))
        cases = [Case("facts", "q", text, base="oslo") for text in ("oslo", "bergen", "")]
        found = [by_second_answer(case, None, {}, bag_of_words, seconds) for case in cases]
    assert [(one.value, one.code) for one in found] == [(None, code)] * 3


def test_the_pairs_that_are_measured_are_drawn_by_their_ids_and_the_others_are_not_judged() -> None:
    loaded = brief(capability("support", role="target"), capability("facts", judge=BY_LIKENESS))
    at = JudgeAddress(url="http://127.0.0.1:9", model="base")
    judge = Judge(loaded, embed=bag_of_words, base=at)
    ids = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(400)]
    found = [judge.means("facts", "Why?", paired=True, interaction=one) for one in ids]
    assert {one for one in found if one.by is not None} == {Means("agreement", fraction=0.5, asks_base=True)}
    assert {one.code for one in found if one.by is None} == {"not_sampled"}
    assert sum(one.by is not None for one in found) / 400 == pytest.approx(0.5, abs=0.08)


def test_where_base_is_not_to_be_asked_agreement_is_with_its_answer() -> None:
    loaded = brief(capability("support", role="target"), capability("facts", judge=BY_LIKENESS))
    found = Judge(loaded, embed=bag_of_words).means("facts", "Why?", paired=True, interaction="i")
    assert found == Means("agreement")
