"""How likely base finds an answer: what is asked of its engine, what is read from it, and when it is asked no more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.briefs.brief import JudgeSettings
from evaluator.briefs.judges import JudgeAddress
from evaluator.judge.judges.case import Case
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.likelihood import (
    LONGEST,
    READ,
    Likelihood,
    Likelihoods,
    Told,
    judge_likelihood,
    judged_by,
    likelihood_of,
)
from telemetry.events import Message
from tests.evaluator.support.briefs import brief, capability
from tests.evaluator.support.fake_openai import chat_completion, serving
from tests.evaluator.support.judge_client import client

ASKED = Case("facts", "What is the capital of Norway?", "Oslo it is")


def words_of(body: dict[str, Any]) -> list[str]:
    """A token for every word: the tokenizer of the engine below."""
    return [word for turn in body["messages"] for word in turn["content"].split()]


def engine(path: str, body: dict[str, Any], *, longest: int = 1000) -> tuple[int, dict[str, Any]]:  # noqa: ARG001 - a server's shape
    """Finds a token as likely as it is short: -1 nat a letter."""
    tokens = words_of(body)
    if len(tokens) > longest:
        return 400, {"error": {"message": "This model's maximum context length is exceeded"}}
    whole = chat_completion("x") | {"usage": {"prompt_tokens": len(tokens)}}
    if "prompt_logprobs" in body:
        told = [{str(n): {"logprob": -float(len(token))}} for n, token in enumerate(tokens)]
        return 200, whole | {"prompt_logprobs": [None, *told[1:]]}
    return 200, whole


def test_the_mean_and_the_lowest_are_over_the_answers_tokens_alone() -> None:
    with serving(engine) as fake:
        told = Likelihoods(client(fake.url)).of(ASKED)
    assert told == Told(Likelihood(mean=-(4 + 2 + 2) / 3, lowest=-4.0, tokens=3))


def test_the_answer_is_the_unfinished_last_turn_behind_all_turns_before_it() -> None:
    earlier = (Message(role="system", content="Be brief."), Message(role="user", content="Hi."))
    with serving(engine) as fake:
        Likelihoods(client(fake.url)).of(Case("facts", "And now?", "Later.", earlier=earlier))
    alone, with_answer = (body for _, body, _ in fake.requests)
    assert [turn["content"] for turn in alone["messages"]] == ["Be brief.", "Hi.", "And now?"]
    assert alone["add_generation_prompt"]
    assert with_answer["messages"][:-1] == alone["messages"]
    assert with_answer["messages"][-1] == {"role": "assistant", "content": "Later."}
    assert (with_answer["continue_final_message"], with_answer["add_generation_prompt"]) == (True, False)
    assert (with_answer["prompt_logprobs"], with_answer["max_tokens"]) == (0, 1)


def test_what_was_told_is_known_and_a_conversation_is_measured_once_for_all_answers() -> None:
    with serving(engine) as fake:
        asks = Likelihoods(client(fake.url))
        for answer in ("Oslo it is", "Bergen", "Oslo it is"):
            asks.of(Case("facts", ASKED.prompt, answer))
    assert len(fake.requests) == 3


@pytest.mark.parametrize(
    ("about", "refusal"),
    [
        ("prompt_logprobs", (400, {"error": "Unrecognized request argument supplied: prompt_logprobs"})),
        ("prompt_logprobs", (422, {"detail": "continue_final_message: extra fields not permitted"})),
        ("prompt_logprobs", (200, chat_completion("x") | {"usage": {"prompt_tokens": 7}})),
        ("messages", (200, chat_completion("x"))),
    ],
    ids=["unknown", "forbidden", "left out", "no usage"],
)
def test_an_engine_that_does_not_tell_is_asked_no_more(about: str, refusal: tuple[int, Any]) -> None:
    def refusing(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        return refusal if about in body else engine(path, body)

    with serving(refusing) as fake:
        asks = Likelihoods(client(fake.url))
        first = asks.of(ASKED)
        before = len(fake.requests)
        again = asks.of(Case("facts", "another", "answer"))
        assert len(fake.requests) == before
    assert first.likelihood is None
    assert first.failure is None
    assert again == Told(None, str(asks.refused))


def test_an_engine_that_fails_is_asked_again_and_its_failure_is_no_result() -> None:
    left = [(500, "busy")]

    def failing_once(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        return left.pop() if left else engine(path, body)

    with serving(failing_once) as fake:
        asks = Likelihoods(client(fake.url, attempts=1))
        failed = asks.of(ASKED)
        assert failed.failure is not None
        assert judged_by(failed).code == "failed"
        assert asks.of(ASKED).likelihood is not None


def test_beyond_the_hours_budget_nothing_is_told_whatever_the_answer() -> None:
    with serving(engine) as fake:
        asks = Likelihoods(client(fake.url, budget_per_hour=2))
        assert asks.of(ASKED).likelihood is not None
        for answer in ("Oslo it is", "Bergen", ""):
            assert judged_by(asks.of(Case("facts", ASKED.prompt, answer))).code == "over_budget"


def test_an_answer_that_fills_the_engines_context_is_looked_at_as_far_as_it_fits() -> None:
    def small(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return engine(path, body, longest=20)

    with serving(small) as fake:
        told = Likelihoods(client(fake.url)).of(Case("facts", ASKED.prompt, "aa " * 32))
    assert told.likelihood is not None
    assert told.likelihood.tokens == 8
    assert told.likelihood.mean == -2.0


def test_no_answer_is_too_long_to_be_told_of_and_no_conversation_too_long_is_sent() -> None:
    def reads(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        lengths.append(len(body["messages"][-1]["content"]))
        return engine(path, body, longest=10**6)

    lengths: list[int] = []
    with serving(reads) as fake:
        asks = Likelihoods(client(fake.url))
        assert asks.of(Case("facts", ASKED.prompt, "a " * LONGEST)).likelihood is not None
        assert max(lengths) == READ
        assert asks.of(Case("facts", "a" * (LONGEST + 1), "yes")).likelihood is None
        assert len(fake.requests) == 2


def test_the_score_is_the_tokens_mean_probability_and_an_empty_answer_has_none_of_it() -> None:
    assert judged_by(Told(Likelihood(math.log(0.25), -9.0, 3))).value == pytest.approx(0.25)
    with serving(engine) as fake:
        assert judge_likelihood(Case("facts", "q", " "), Likelihoods(client(fake.url))).value == 0.0


def test_it_is_no_verdict_on_the_target() -> None:
    likely = JudgeSettings.model_validate(
        {"verifier": "contains_answer", "unseen": ("prompt", "likelihood"), "base": {"likelihood": 1.0}}
    )
    assert capability("facts", judge=likely).judge == likely
    with pytest.raises(ValueError, match="likelihood judges no target"):
        capability("support", role="target", judge=likely)


def test_a_judge_of_traffic_asks_bases_engine_and_its_version_says_which() -> None:
    likely = JudgeSettings.model_validate(
        {"verifier": "contains_answer", "unseen": ("prompt", "likelihood"), "base": {"likelihood": 1.0}}
    )
    loaded = brief(capability("support", role="target"), capability("facts", judge=likely))
    with serving(engine) as fake:
        judge = Judge(loaded, base=JudgeAddress(url=fake.url, model="base"))
        means = judge.means("facts", ASKED.prompt, paired=False, interaction="i")
        found = judge.judge_case(ASKED, means)
    assert found.value == pytest.approx(math.exp(-8 / 3))
    assert found.basis == "likelihood"
    other = Judge(loaded, base=JudgeAddress(url=fake.url, model="another"))
    assert len({judge.version, other.version, Judge(loaded).version}) == 3


Entry = st.dictionaries(st.text("0123456789", min_size=1), st.fixed_dictionaries({"logprob": st.floats()}))


@given(
    logprobs=st.one_of(st.none(), st.integers(), st.lists(st.one_of(st.none(), Entry, st.text()))),
    before=st.integers(-2, 6),
)
def test_whatever_an_engine_sends_is_a_likelihood_that_is_finite_or_refused(
    logprobs: Sequence[Any], before: int
) -> None:
    try:
        found = likelihood_of(logprobs, before)
    except ValueError:
        return
    assert -30.0 <= found.lowest <= found.mean <= 0.0
    assert found.tokens == len(logprobs) - before
