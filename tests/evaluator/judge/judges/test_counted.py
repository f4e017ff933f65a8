from __future__ import annotations

from evaluator.briefs.brief import JudgeEndpoint
from evaluator.judge.judges.clients import Clients
from evaluator.judge.judges.counted import CountedClient
from telemetry.events import Message
from tests.evaluator.support.fake_openai import serving
from tests.evaluator.support.judge_client import graded, saying

HELLO = [Message(role="user", content="hello")]


def test_every_question_is_counted_by_how_it_ended_with_the_time_that_it_took() -> None:
    with serving(saying(graded("fine"), (400, {"error": "no such model"}))) as fake:
        client = CountedClient(fake.url, "grader", attempts=1, first_pause_s=0.0)
        assert client.ask(HELLO, 8).text == "fine"
        assert client.ask(HELLO, 8).code == "failed"
    assert dict(client.asked.ended) == {"answered": 1, "failed": 1}
    assert client.asked.seconds.count == 2


def test_a_model_that_is_asked_on_two_terms_has_two_names() -> None:
    clients = Clients()
    for deadline_s in (10.0, 20.0):
        clients.of(JudgeEndpoint(url="http://127.0.0.1:9", model="grader", rubric="?", deadline_s=deadline_s))
    assert list(clients.asked) == ["grader", "grader-2"]
