"""The client of a judging model: what came, what is tried again, for how long; a reply always, never an exception."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from evaluator.judge.judges import standing
from evaluator.judge.judges.client import LARGEST
from telemetry.events import Message
from tests.evaluator.support.fake_openai import chat_completion, serving
from tests.evaluator.support.judge_client import client, graded, saying, why
from tests.evaluator.support.judging_server import JudgingServer

HELLO = [Message(role="user", content="hello")]
NESTED = 100_000


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
        reply = client(fake.url, attempts=1, deadline_s=0.1).ask(HELLO, 8)
        released.set()
    assert "no answer: none within 0.1 s" in why(reply)


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


def test_a_judge_that_sends_a_byte_now_and_then_is_not_waited_for_longer_than_the_deadline() -> None:
    with JudgingServer(mood="dripping") as server:
        reply = client(server.url, deadline_s=0.35).ask(HELLO, 8)
    assert why(reply) == "it failed 1 times, at last: no answer: none within 0.35 s"
    assert reply.code == "failed"


def test_a_server_that_asks_for_more_time_than_there_is_fails_at_once() -> None:
    with serving(saying((429, "slow down", {"retry-after": "30"}))) as fake:
        began = time.monotonic()
        reply = client(fake.url, deadline_s=20.0).ask(HELLO, 8)
        assert time.monotonic() - began < 20.0
    assert "failed 1 times, at last: status 429: slow down" in why(reply)
    assert len(fake.requests) == 1


def test_a_reply_without_end_is_read_as_far_as_a_reply_may_be_long() -> None:
    with serving(saying((200, "x" * (LARGEST + 1)))) as fake:
        reply = client(fake.url).ask(HELLO, 8)
    assert why(reply) == "it sent more than 1,048,576 bytes"
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        "[" * NESTED + "]" * NESTED,
        '{"choices":' + "[" * NESTED + "]" * NESTED + "}",
        '{"choices": [{"message": "none"}]}',
        '{"choices": [{"message": {"content": 7}}]}',
        '{"choices": [{"message": {"content": {"text": "a"}}}]}',
        '{"choices": [{"message": {"content": [7]}}]}',
        '{"choices": [' + "9" * 5000 + "]}",
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
    ids=["nested", "nested choices", "no message", "a number", "a mapping", "numbers", "digits", "no text"],
)
def test_whatever_the_reply_is_it_is_a_failure_and_no_exception(body: str) -> None:
    with serving(saying((200, body))) as fake:
        reply = client(fake.url).ask(HELLO, 8)
    assert "no chat completion" in why(reply)


def test_content_given_as_a_list_of_parts_is_read() -> None:
    parts = [{"type": "text", "text": "Grade: "}, {"type": "image_url"}, {"type": "text", "text": "[[7]]"}]
    with serving(saying(graded(parts))) as fake:
        assert client(fake.url).ask(HELLO, 8).text == "Grade: [[7]]"


def test_a_model_that_refuses_to_judge_has_declined_and_has_not_failed() -> None:
    refusal = chat_completion(None)
    refusal["choices"][0]["message"]["refusal"] = "I cannot help with that."
    filtered = chat_completion("")
    filtered["choices"][0]["finish_reason"] = "content_filter"
    with serving(saying((200, refusal), (200, filtered), graded(None))) as fake:
        replies = [client(fake.url).ask(HELLO, 8) for _ in range(3)]
    assert [one.failure for one in replies] == [None] * 3
    assert [one.code for one in replies] == ["declined", "declined", "no_grade"]
    assert "I cannot help with that." in replies[0].why


def test_a_text_that_is_no_unicode_is_sent_all_the_same() -> None:
    with serving(saying(graded("fine"))) as fake:
        assert client(fake.url).ask([Message(role="user", content="a\ud800b")], 8).text == "fine"


def test_beyond_its_budget_nobody_is_asked_and_the_reply_says_so() -> None:
    with serving(saying(graded("fine"))) as fake:
        asks = client(fake.url, budget_per_hour=2)
        assert asks.over_budget() is None
        replies = [asks.ask(HELLO, 8) for _ in range(5)]
    assert [one.code for one in replies] == [None, None, "over_budget", "over_budget", "over_budget"]
    assert why(replies[-1]) == "its budget of 2 requests an hour is used up"
    assert asks.over_budget() is not None
    assert len(fake.requests) == 2


def test_attempts_count_towards_the_budget_and_a_judge_that_is_away_is_not_asked_beyond_it() -> None:
    with serving(saying((503, "busy"))) as fake:
        reply = client(fake.url, budget_per_hour=2).ask(HELLO, 8)
    assert reply.code == "failed"
    assert "status 503: busy" in why(reply)
    assert len(fake.requests) == 2


def test_a_reply_is_held_to_a_schema_where_the_server_takes_one() -> None:
    schema = {"type": "object"}
    with serving(saying(graded("{}"))) as fake:
        assert client(fake.url).ask(HELLO, 8, schema=schema).text == "{}"
    form = fake.requests[0][1]["response_format"]
    assert (form["type"], form["json_schema"]["schema"]) == ("json_schema", schema)


@pytest.mark.parametrize(
    "said",
    [
        (400, {"error": {"message": "Unrecognized request argument supplied: response_format"}}),
        (422, {"detail": "json_schema is not supported"}),
    ],
)
def test_a_server_that_takes_no_schema_is_remembered_and_stands_as_it_stood(said: tuple[int, Any]) -> None:
    with serving(saying(said)) as fake:
        asks = client(fake.url)
        reply = asks.ask(HELLO, 8, schema={"type": "object"})
    assert reply.refuses_schema
    assert reply.failure is None
    assert not asks.takes_schema
    assert len(fake.requests) == 1


def test_a_judge_that_is_away_holds_up_nobody_who_never_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "IN_A_ROW", 1)
    monkeypatch.setattr(standing, "PATIENCE_S", 0.0)
    monkeypatch.setattr(standing, "REST_S", 600.0)
    with JudgingServer(mood="silent") as server:
        asks = client(server.url, deadline_s=0.2, gives_up=False)
        assert why(asks.ask(HELLO, 8)).endswith("none within 0.2 s")
        found = [asks.ask(HELLO, 8) for _ in range(50)]
    assert {why(one) for one in found} == {"not asked for now, after no answer: none within 0.2 s"}
    assert not any(one.failure.given_up for one in found if one.failure is not None)
    assert server.asked == 1


def test_many_threads_share_one_client() -> None:
    together = threading.Barrier(16, timeout=10.0)

    def answer(path: str, body: dict[str, Any]) -> Any:  # noqa: ARG001 - a server's shape
        together.wait()
        return graded(f"about {body['messages'][0]['content']}")

    found: dict[int, str | None] = {}
    with serving(answer) as fake:
        asks = client(fake.url, deadline_s=30.0)

        def ask(number: int) -> None:
            found[number] = asks.ask([Message(role="user", content=str(number))], 8).text

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {number: f"about {number}" for number in range(16)}


def test_the_request_says_that_nothing_packed_is_wanted() -> None:
    with serving(saying(graded("fine"))) as fake:
        client(fake.url).ask(HELLO, 8)
    assert fake.requests[0][2]["accept-encoding"] == "identity"
    assert json.loads(json.dumps(fake.requests[0][1]["messages"])) == [{"role": "user", "content": "hello"}]
