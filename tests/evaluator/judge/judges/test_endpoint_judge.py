"""A judge at an endpoint: a grade becomes a score, anything else is unscored with its reason, and the key stays in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.briefs.brief import JudgeEndpoint, JudgeSettings
from evaluator.judge.judges.client import JudgeClient, Reply
from evaluator.judge.judges.endpoint_judge import EndpointJudge, conversation, judgement_of, version_of
from evaluator.judge.judges.judge import AT_ONCE, Judge, judge_many
from evaluator.verifiers.judgement import NO_JUDGEMENT
from telemetry.errors import SettingsError
from telemetry.events import Message
from tests.evaluator.support.briefs import brief, capability
from tests.evaluator.support.fake_openai import chat_completion, serving
from tests.evaluator.support.judging_server import JudgingServer

HELLO = [Message(role="user", content="hello")]
KEY = "sk-very-secret"


def endpoint(url: str = "http://judge", **changes: Any) -> JudgeEndpoint:
    fields = {"url": url, "model": "grader", "rubric": "It is polite and {right}.", "best": 5}
    return JudgeEndpoint.model_validate(fields | changes)


def client(url: str, **changes: Any) -> JudgeClient:
    return JudgeClient(url, "grader", **{"first_pause_s": 0.0, "timeout_s": 5.0} | changes)


def why(reply: Reply) -> str:
    """Why a reply failed."""
    return reply.failure.reason if reply.failure is not None else ""


def saying(*replies: tuple[Any, ...]) -> Callable[[str, dict[str, Any]], Any]:
    """Each reply in turn, the last one for ever."""
    left = list(replies)
    return lambda path, body: left.pop(0) if len(left) > 1 else left[0]  # noqa: ARG005 - a server's shape


def graded(reply: str) -> tuple[int, Any]:
    return 200, chat_completion(reply)


@given(st.integers(2, 100), st.data())
def test_a_grade_g_of_best_is_g_minus_1_over_best_minus_1(best: int, data: st.DataObject) -> None:
    grade = data.draw(st.integers(1, best))
    value = judgement_of(f"Not bad. Grade: [[{grade}]]", best).value
    assert value is not None
    assert 1 + value * (best - 1) == pytest.approx(grade)


def test_the_last_grade_holds_and_single_brackets_do_where_there_are_no_double_ones() -> None:
    assert judgement_of("At first [[2]], then [[5]].", 5).value == 1.0
    assert judgement_of("See [1]. Grade: [[3]]", 5).value == 0.5
    assert judgement_of("Grade: [3]", 5).value == 0.5
    assert judgement_of("Grade: [[4.5]]", 5).value == 0.875


@pytest.mark.parametrize("reply", ["", "I would give it 4 of 5.", "[[good]]", "Grade: [[6]]", "Grade: [[0]]"])
def test_a_reply_without_a_usable_grade_is_unscored_and_never_0(reply: str) -> None:
    found = judgement_of(reply, 5)
    assert found.value is None
    assert found.reason


def test_the_judge_is_asked_greedily_with_rubric_question_reference_and_answer() -> None:
    with serving(saying(graded("Grade: [[4]]"))) as fake:
        judge = EndpointJudge(endpoint(fake.url + "/v1"), client(fake.url + "/v1"))
        assert judge.judge("What is {x}?", "{y}", {"facts": ["y"]}).value == 0.75
    ((path, body, headers),) = fake.requests
    assert path == "/v1/chat/completions"
    assert (body["model"], body["temperature"]) == ("grader", 0.0)
    text = "\n".join(message["content"] for message in body["messages"])
    for part in (
        "It is polite and {right}.",
        "What is {x}?",
        "{y}",
        '{"facts": ["y"]}',
        "from 1 (useless) to 5",
    ):
        assert part in text
    assert "authorization" not in headers


def test_without_a_reference_none_is_spoken_of() -> None:
    asked = conversation(endpoint(), "q", "a", None)
    assert "comparison" not in asked[1].content
    assert "comparison" in conversation(endpoint(), "q", "a", "r")[1].content


def test_an_empty_answer_is_0_and_nobody_is_asked() -> None:
    with serving(saying(graded("Grade: [[5]]"))) as fake:
        assert EndpointJudge(endpoint(fake.url), client(fake.url)).judge("q", " \n").value == 0.0
    assert fake.requests == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_or_failing_server_is_asked_again(status: int) -> None:
    with serving(saying((status, "busy"), graded("fine"))) as fake:
        assert client(fake.url).ask(HELLO, 8).text == "fine"
    assert len(fake.requests) == 2


def test_a_server_that_goes_on_failing_is_given_up_with_its_last_words() -> None:
    with serving(saying((500, "first"), (503, "overloaded"))) as fake:
        reply = client(fake.url, attempts=3).ask(HELLO, 8)
    assert reply.failure is not None
    assert "failed 3 times, at last: status 503: overloaded" in reply.failure.reason
    assert reply.failure.judge == f"the judge 'grader' at {fake.url}"
    assert len(fake.requests) == 3


def test_a_refusal_is_not_repeated() -> None:
    with serving(saying((400, {"error": "no such model"}))) as fake:
        reply = client(fake.url).ask(HELLO, 8)
    assert reply.failure is not None
    assert "status 400" in reply.failure.reason
    assert "no such model" in reply.failure.reason
    assert len(fake.requests) == 1


JUDGED = {
    "too long": (400, {"error": {"message": "This model's maximum context length is 2048 tokens."}}),
    "not allowed": (400, {"error": {"code": "content_filter"}}),
    "too large": (413, "Payload Too Large"),
    "empty": (200, chat_completion(None)),
    "blank": (200, chat_completion("  ")),
    "no grade": graded("I would rather not."),
}
FAILED = {
    "no json": (200, "<html>log in</html>"),
    "no choices": (200, {"choices": []}),
    "a list": (200, []),
    "an error": (200, {"error": "no model is loaded"}),
    "no key": (401, "who are you?"),
    "not allowed here": (403, "no"),
    "no such path": (404, "no such model"),
    "no quota": (429, {"error": "insufficient_quota"}),
    "broken": (500, "out of memory"),
    "another mistake": (400, {"error": "temperature must be 1"}),
    "elsewhere": (302, "moved"),
}


@pytest.mark.parametrize("reply", JUDGED.values(), ids=JUDGED)
def test_a_judge_that_was_had_and_gives_no_grade_leaves_a_result(reply: tuple[int, Any]) -> None:
    with serving(saying(reply)) as fake:
        found = EndpointJudge(endpoint(fake.url), client(fake.url)).judge("q", "a")
    assert (found.value, found.failure, len(fake.requests)) == (None, None, 1)
    assert found.reason
    assert not found.reason.startswith(NO_JUDGEMENT)


@pytest.mark.parametrize("reply", FAILED.values(), ids=FAILED)
def test_a_judge_that_could_not_be_had_leaves_a_failure_and_no_result(reply: tuple[int, Any]) -> None:
    with serving(saying(reply)) as fake:
        found = EndpointJudge(endpoint(fake.url), client(fake.url)).judge("q", "a")
    assert found.value is None
    assert found.failure is not None
    assert found.failure.judge == f"the judge 'grader' at {fake.url}"
    assert found.reason == f"{NO_JUDGEMENT}{found.failure.judge}: {found.failure.reason}"


def test_nobody_at_the_url_is_a_failure_and_a_silent_server_too() -> None:
    with serving(saying(graded("x"))) as fake:
        url = fake.url
    assert "no answer: ConnectError" in why(client(url, attempts=2).ask(HELLO, 8))
    assert "no answer: InvalidURL" in why(client("http://127.0.0.1:none", attempts=2).ask(HELLO, 8))

    def slow(path: str, body: dict[str, Any]) -> Any:  # noqa: ARG001 - a server's shape
        released.wait(5.0)
        return graded("late")

    released = threading.Event()
    with serving(slow) as fake:
        reply = client(fake.url, attempts=1, timeout_s=0.1).ask(HELLO, 8)
        released.set()
    assert "no answer: ReadTimeout" in why(reply)


def test_a_judge_that_is_away_is_asked_as_often_for_many_as_for_a_few() -> None:
    with serving(saying((503, "busy"))) as fake:
        loaded = brief(
            capability("support", role="target"),
            capability("facts", judge=JudgeSettings(endpoint=endpoint(fake.url))),
        )
        judge = Judge(loaded)
        found = judge_many(judge, "facts", [("q", f"answer {n}") for n in range(100)])
        asked = len(fake.requests)
        again = judge.judge("facts", "q", "another answer")
    assert asked <= 4 * AT_ONCE
    assert all(one.failure is not None for one in found)
    assert found[-1].failure is not None
    assert found[-1].failure.given_up
    assert "not asked any more, after status 503: busy" in again.reason
    assert len(fake.requests) == asked


def test_a_judge_that_never_gives_up_asks_again_and_one_that_comes_back_is_heard() -> None:
    with JudgingServer() as server:
        pass
    settings = JudgeSettings(endpoint=endpoint(server.url))
    loaded = brief(capability("support", role="target"), capability("facts", judge=settings))
    judge = Judge(loaded, gives_up=False)
    assert all(judge.judge("facts", "q", "a").failure for _ in range(2))
    with JudgingServer(mood="refusing", port=server.port):
        assert judge.judge("facts", "q", "a").failure
    with JudgingServer(mood="well", port=server.port) as back:
        assert judge.judge("facts", "q", "a").failure is None
    assert back.asked == 1


def test_a_key_that_is_refused_is_refused_for_all() -> None:
    with serving(saying((401, "no such key"))) as fake:
        asks = client(fake.url)
        assert [asks.ask(HELLO, 8).text for _ in range(5)] == [None] * 5
        assert asks.given_up
    assert len(fake.requests) == 1


def test_the_server_says_how_long_to_wait() -> None:
    with serving(saying((429, "slow down", {"retry-after": "0.3"}), graded("fine"))) as fake:
        started = time.monotonic()
        assert client(fake.url).ask(HELLO, 8).text == "fine"
        assert time.monotonic() - started >= 0.3


def test_the_key_comes_from_the_environment_and_is_repeated_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", f"  {KEY}\n")
    with serving(saying((401, f"wrong key {KEY}"), (200, f"<html>{KEY}</html>"))) as fake:
        judge = EndpointJudge(
            endpoint(fake.url, api_key_env="JUDGE_KEY"),
            client(fake.url, api_key_env="JUDGE_KEY", gives_up=False),
        )
        reasons = [judge.judge("q", "a").reason for _ in range(2)]
    assert [headers["authorization"] for _, _, headers in fake.requests] == [f"Bearer {KEY}"] * 2
    assert "wrong key ***" in reasons[0]
    assert all(KEY not in reason for reason in reasons)
    assert KEY not in judge.version


def test_a_key_that_is_not_set_is_said_before_anybody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with pytest.raises(SettingsError, match="JUDGE_KEY, which is not set"):
        EndpointJudge(endpoint(api_key_env="JUDGE_KEY"))


def test_the_version_changes_with_url_model_rubric_and_scale_and_not_with_the_keys_name() -> None:
    changes: list[dict[str, Any]] = [{}, {"url": "http://b"}, {"model": "b"}, {"rubric": "b"}, {"best": 10}]
    assert len({version_of(endpoint(**one)) for one in changes}) == len(changes)
    assert version_of(endpoint(api_key_env="A")) == version_of(endpoint())


def test_a_briefs_capability_may_be_judged_by_an_endpoint_with_the_items_reference() -> None:
    with serving(saying(graded("Grade: [[2]]"))) as fake:
        loaded = brief(
            capability("support", role="target"),
            capability("facts", judge=JudgeSettings(endpoint=endpoint(fake.url))),
        )
        judge = Judge(loaded)
        assert judge.judge("facts", "facts question 3", "an answer").value == 0.25
        assert judge.judge("facts", "a question that is no item", "an answer").value == 0.25
        assert judge.judge("support", "support question 3", "right3").value == 1.0
    first, second = ("\n".join(m["content"] for m in body["messages"]) for _, body, _ in fake.requests)
    assert "right3" in first
    assert "comparison" not in second
    assert judge.version.startswith("judges@")
    other = loaded.brief.capabilities[1].model_copy(
        update={"judge": JudgeSettings(endpoint=endpoint(fake.url, rubric="another"))}
    )
    changed = loaded.brief.model_copy(update={"capabilities": (loaded.brief.capabilities[0], other)})
    assert Judge(loaded.model_copy(update={"brief": changed})).version != judge.version


def test_many_answers_are_judged_at_once_and_come_back_in_their_order() -> None:
    together = threading.Barrier(AT_ONCE, timeout=10.0)

    def answer(path: str, body: dict[str, Any]) -> Any:  # noqa: ARG001 - a server's shape
        together.wait()
        return graded(f"Grade: [[{1 + int(body['messages'][1]['content'].split('answer ')[1][0]) % 5}]]")

    with serving(answer) as fake:
        loaded = brief(
            capability("support", role="target"),
            capability("facts", judge=JudgeSettings(endpoint=endpoint(fake.url))),
        )
        asked = [("q", f"answer {n}") for n in range(AT_ONCE)]
        found = judge_many(Judge(loaded), "facts", asked)
    assert [one.value for one in found] == [(n % 5) / 4 for n in range(AT_ONCE)]
