"""What the doctor says of whom it asks: a broker, its topics, engines that serve another model, clocks that are off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from belay.launcher import asked
from belay.launcher import doctor_reached as reached
from belay.launcher.finding import Finding
from belay.launcher.parts import Part
from belay.project import Project
from serving.engines.address import ModelAddress
from serving.engines.arms import addresses_of
from serving.engines.attestation import Attestation, State
from serving.engines.who_answers import Found, Served
from telemetry.bus.kafka_bus import KafkaBus
from telemetry.bus.topic_plan import Difference, TopicPlan
from telemetry.errors import BrokerUnavailable
from telemetry.events import new_id
from telemetry.topics import TOPICS
from tests.belay.launcher.test_parts import model, route

AT = 1_800_000_000.0


def project(broker: str) -> Project:
    return Project.model_validate(
        {
            "route": "r",
            "base": "b",
            "brief": "b.yaml",
            "broker": broker,
            "kafka": {"namespace": f"d{new_id()}"},
        }
    )


def test_a_broker_is_told_by_its_version_and_topics_that_are_missing_are_made_by_nobody(
    a_broker: str,
) -> None:
    given = project(a_broker)
    broker, topics = reached.broker(given)
    assert broker.state == "ok"
    assert broker.told.startswith(f"{a_broker}: 1 of Kafka's ")
    assert (topics.state, topics.told) == ("note", f"{len(TOPICS)} are missing")
    assert not KafkaBus(given.bus()).plan_topics().same


@pytest.mark.parametrize(
    ("kind", "what", "state", "do"),
    [
        ("refusal", "partitions", "wrong", "belay topics plan"),
        ("change", "retention.ms", "note", "belay topics apply"),
    ],
)
def test_topics_that_break_a_promise_are_wrong_and_others_a_note(
    kind: str, what: str, state: str, do: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Difference(kind, "belay.scores", what, "1", "2", "why")  # type: ignore[arg-type]
    monkeypatch.setattr(KafkaBus, "cluster", lambda _: SimpleNamespace(brokers=3, version="4.3"))
    monkeypatch.setattr(KafkaBus, "plan_topics", lambda _: TopicPlan((one,)))
    _, topics = reached.broker(project("127.0.0.1:1"))
    assert (topics.state, "belay.scores" in topics.told, do in topics.do) == (state, True, True)


def test_a_broker_that_is_away_is_status_four(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: KafkaBus) -> None:
        raise BrokerUnavailable("nobody answers")

    monkeypatch.setattr(KafkaBus, "cluster", away)
    (only,) = reached.broker(project("127.0.0.1:1"))
    assert (only.state, only.exit_code) == ("wrong", 4)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, httpx.Response]:
    """What is answered at each URL."""
    found: dict[str, httpx.Response] = {}
    monkeypatch.setattr(httpx, "get", lambda url, **_: found[url])
    monkeypatch.setattr(reached, "listens", lambda *_: True)
    return found


def models(*names: str, **more: object) -> httpx.Response:
    return httpx.Response(200, content=json.dumps({"data": [{"id": name} for name in names], **more}))


@pytest.mark.parametrize(
    ("answer", "state", "told"),
    [
        (models("m", "n"), "ok", "m at http://e"),
        (models("n"), "wrong", "serves 'n', expected 'm'"),
        (models("n", has_more=True), "note", "more models"),
        (models(), "note", "not in OpenAI's form"),
        (httpx.Response(200, text="hello"), "note", "not in OpenAI's form"),
        (httpx.Response(404), "note", "status 404"),
        (httpx.Response(401), "wrong", "refuses the key"),
    ],
)
def test_an_engine_has_to_name_the_model(
    answer: httpx.Response, state: str, told: str, answers: dict[str, httpx.Response]
) -> None:
    answers["http://e/v1/models"] = answer
    (only,) = reached.engine("base", ModelAddress("http://e", "m"))
    assert (only.state, told in only.told) == (state, True), only


@pytest.mark.parametrize(("served", "state"), [({"shop"}, "ok"), ({"shop", "lora@1"}, "wrong")])
def test_an_engine_of_ours_has_to_serve_what_the_route_needs(
    served: set[str], state: str, answers: dict[str, httpx.Response]
) -> None:
    url = "http://127.0.0.1:8001/v1/models"
    answers[url] = models("shop")
    (only,) = reached.part_at(Part("base", (), url), "base engine", served)
    assert only.state == state


def test_every_replica_of_a_further_route_is_asked_for_its_model(answers: dict[str, httpx.Response]) -> None:
    answers |= {
        "http://a/v1/models": models("shop-2"),
        "http://b/v1/models": models("other"),
        "http://c/v1/models": httpx.Response(401),
    }
    shop = {
        "control": {"arm": "control", "urls": ["http://a", "http://b"], "model": "shop-2"},
        "candidate": {"arm": "candidate", "url": "http://c"},
    }
    given = project("embedded").model_copy(update={"router": {"routes": {"shop": shop, "broken": {}}}})
    told = [(one.what, one.state) for one in reached.passed_on(given)]
    assert told == [("shop: control", "ok"), ("shop: control", "wrong"), ("shop: candidate", "ok")]


def clock_of(date: str) -> list[Finding]:
    return list(reached.clock("base", httpx.Response(200, headers={"date": date}), AT, AT + 1.0))


@pytest.mark.parametrize(
    ("seconds", "state"),
    [(0, None), (3, None), (-3, None), (4, "note"), (-5, "note"), (62, "wrong"), (-62, "wrong")],
)
def test_a_clock_is_told_from_two_seconds_and_wrong_from_sixty(seconds: int, state: str | None) -> None:
    found = clock_of(format_datetime(datetime.fromtimestamp(AT + seconds, UTC), usegmt=True))
    assert [one.state for one in found] == ([state] if state else [])
    assert all(("ahead of" if seconds > 0 else "behind") in one.told for one in found)


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Foo 2026"])
def test_what_is_no_date_says_nothing_of_a_clock(date: str) -> None:
    assert clock_of(date) == []


@pytest.mark.parametrize(
    ("state", "finding", "code"), [("attested", "ok", 0), ("unknown", "note", 0), ("refused", "wrong", 2)]
)
def test_another_model_than_an_arms_is_wrong_and_one_that_nobody_can_tell_a_note(
    state: State, finding: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = model(tmp_path, "base", "base")
    model(tmp_path, "lora", "adapter", base)
    monkeypatch.setattr(reached, "listens", lambda *_: True)

    def answered(*given: Any) -> Iterator[Found]:
        for arm, one, endpoint in zip(("control", "candidate"), given, given[2], strict=False):
            served = Served(one, addresses_of(endpoint, given[3])[0])
            yield Found(endpoint.arm, served, Attestation(state=state, told=f"as {arm}"))

    monkeypatch.setattr(asked, "attest_arms", answered)
    control, candidate = reached.attested(route(tmp_path, "lora"))
    assert (control.state, candidate.state) == (finding, finding)
    assert {control.exit_code, candidate.exit_code} == {code}
    assert candidate.what == "shop: who answers as candidate"
    assert "as candidate" in candidate.told


def test_engines_that_do_not_run_are_not_asked_who_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model(tmp_path, "base", "base")
    monkeypatch.setattr(reached, "listens", lambda *_: False)
    assert list(reached.attested(route(tmp_path))) == []
