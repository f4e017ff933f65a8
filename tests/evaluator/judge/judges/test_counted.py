from __future__ import annotations

from evaluator.briefs.brief import JudgeEndpoint
from evaluator.judge.judges.clients import Clients
from evaluator.judge.judges.counted import CountedClient
from telemetry.events import Message, TokenPrice
from tests.evaluator.support.fake_openai import chat_completion, serving
from tests.evaluator.support.judge_client import graded, saying

HELLO = [Message(role="user", content="hello")]


def test_every_question_is_counted_by_how_it_ended_with_the_time_that_it_took() -> None:
    with serving(saying(graded("fine"), (400, {"error": "no such model"}))) as fake:
        client = CountedClient(fake.url, "grader", attempts=1, first_pause_s=0.0)
        assert client.ask(HELLO, 8).text == "fine"
        assert client.ask(HELLO, 8).code == "failed"
    assert dict(client.asked.ended) == {"answered": 1, "failed": 1}
    assert client.asked.seconds.count == 2


def test_tokens_are_those_that_the_server_tells_and_a_reply_that_tells_none_is_counted_as_such() -> None:
    told = chat_completion("fine") | {"usage": {"prompt_tokens": 812, "completion_tokens": 40}}
    empty = chat_completion("") | {"usage": {"prompt_tokens": 800, "completion_tokens": 0}}
    silent, odd = ({**chat_completion("fine"), "usage": usage} for usage in (None, {"prompt_tokens": "9"}))
    with serving(
        saying((200, told), (200, empty), (200, silent), (200, odd), (400, {"error": "no"}))
    ) as fake:
        client = CountedClient(fake.url, "grader", attempts=1, first_pause_s=0.0)
        for _ in range(5):
            client.ask(HELLO, 8)
    found = client.asked
    assert (found.prompt_tokens, found.completion_tokens) == (1612, 40)
    assert (found.metered, found.unmetered) == (2, 2)


def test_a_model_that_is_asked_on_two_terms_has_two_names() -> None:
    clients = Clients()
    for deadline_s in (10.0, 20.0):
        clients.of(JudgeEndpoint(url="http://127.0.0.1:9", model="grader", rubric="?", deadline_s=deadline_s))
    assert list(clients.asked) == ["grader", "grader-2"]


def test_a_price_reaches_what_is_counted_and_another_price_is_another_term() -> None:
    clients = Clients()
    prices = [TokenPrice(prompt=price, completion=2.0, currency="EUR") for price in (0.5, 0.5, 0.6)]
    for price in (*prices, None):
        clients.of(JudgeEndpoint(url="http://127.0.0.1:9", model="grader", rubric="?", price=price))
    assert [one.price for one in clients.asked.values()] == [prices[0], prices[2], None]
