"""Control over HTTP: what people ask for, and how they are refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from router.control.actor import Control
from router.control.api import create_app
from router.control.health import Pulse
from router.control.rollout import Hold, transition
from router.control.spec_checks import MOST_CAPABILITIES, SPEC_BYTES
from telemetry import codec
from telemetry.bus.protocols import MAX_RECORD_BYTES
from telemetry.events import Allotment, AuditRef, CapabilityWatch
from tests.router.values import NOON, spec, started

WORD = {"actor": "ada", "reason": "by hand"}


@pytest.fixture
def http(control: Control) -> Iterator[TestClient]:
    with TestClient(create_app(control)) as client:
        yield client


def test_a_rollout_is_started_seen_promoted_and_rolled_back_over_http(http: TestClient) -> None:
    assert http.get("/rollouts/current").status_code == 404
    answer = http.post("/rollouts", json=spec().model_dump(mode="json"))
    assert (answer.status_code, answer.json()["share"]) == (201, 0.05)
    assert http.get("/rollouts/current").json() == answer.json()
    assert http.post("/rollouts/r1/promote", json=WORD).json()["stage"] == 1
    after = http.post("/rollouts/r1/rollback", json=WORD).json()
    assert (after["status"], after["actor"], after["share"]) == ("rolled_back", "ada", 0.0)
    assert http.post("/rollouts/r1/rollback", json=WORD).json() == after
    assert http.get("/rollouts/r1").json() == after
    health = http.get("/healthz")
    assert health.status_code == 200
    assert health.json() == {
        "status": "ok",
        "reasons": [],
        "alarms": 0,
        "rollouts": {"default": "r1"},
        "unpublished": 3,
    }


def test_health_is_503_without_a_broker_and_liveness_only_where_a_thread_is_dead(control: Control) -> None:
    pulse = Pulse("control-loop")
    with TestClient(create_app(control, [pulse])) as http:
        pulse.away("nobody at 127.0.0.1:9092")
        away, alive = http.get("/healthz"), http.get("/livez")
        assert (away.status_code, away.json()["status"], alive.status_code) == (503, "no_broker", 200)
        assert away.json()["reasons"] == ["control-loop: nobody at 127.0.0.1:9092"]
        pulse.guarded(lambda: None)()
        dead, buried = http.get("/healthz"), http.get("/livez")
        assert (dead.status_code, dead.json()["status"], buried.status_code) == (503, "dead", 503)


def test_refusals_are_told_apart(http: TestClient) -> None:
    good = spec().model_dump(mode="json")
    assert http.get("/rollouts/absent").status_code == 404
    assert http.post("/rollouts/absent/rollback", json=WORD).status_code == 404
    http.post("/rollouts", json=good)
    again = http.post("/rollouts", json=good | {"rollout_id": "r2"})
    assert again.status_code == 409
    assert "'r1' is ramping" in again.json()["error"]
    assert http.post("/rollouts/r1/rollback", json={"actor": "", "reason": "x"}).status_code == 422
    assert http.post("/rollouts/r1/close", json=WORD).status_code == 409


def test_a_rollout_is_paused_and_resumed_over_http(http: TestClient) -> None:
    http.post("/rollouts", json=spec().model_dump(mode="json"))
    assert http.post("/rollouts/r1/pause", json=WORD).json()["status"] == "paused"
    assert http.post("/rollouts/r1/promote", json=WORD).status_code == 409
    assert http.post("/rollouts/r1/resume", json=WORD).json()["status"] == "ramping"


@pytest.mark.parametrize("in_header", [True, False])
def test_a_stale_revision_is_a_409_that_says_what_the_other_did(http: TestClient, in_header: bool) -> None:
    http.post("/rollouts", json=spec().model_dump(mode="json"))
    tag = http.get("/rollouts/current").headers["etag"]
    assert tag == '"1"'
    named: dict[str, Any] = (
        {"headers": {"if-match": tag}, "json": WORD} if in_header else {"json": WORD | {"revision": 1}}
    )
    assert http.post("/rollouts/r1/promote", **named).status_code == 200
    late = http.post("/rollouts/r1/promote", **named)
    assert late.status_code == 409
    current = late.json()["current"]
    assert (current["revision"], current["actor"], current["reason"], current["stage"]) == (
        2,
        "ada",
        "by hand",
        1,
    )
    assert http.post("/rollouts/r1/rollback", **named).status_code == 200


@pytest.mark.parametrize(("tag", "revision"), [("three", None), ('"3"', 4), ("-1", None)])
def test_an_if_match_that_cannot_be_read_changes_nothing(
    http: TestClient, control: Control, tag: str, revision: int | None
) -> None:
    http.post("/rollouts", json=spec().model_dump(mode="json"))
    answer = http.post("/rollouts/r1/promote", json=WORD | {"revision": revision}, headers={"if-match": tag})
    assert answer.status_code == 422
    assert "expected one revision" in answer.json()["error"]
    assert control.rollout("r1").revision == 1


def test_the_same_key_and_request_gives_the_first_answer_and_acts_once(
    http: TestClient, control: Control
) -> None:
    key = {"idempotency-key": "k-1"}
    started_ = http.post("/rollouts", json=spec().model_dump(mode="json"), headers=key)
    again = http.post("/rollouts", json=spec().model_dump(mode="json"), headers=key)
    assert (again.status_code, again.json()) == (201, started_.json())
    once = http.post("/rollouts/r1/promote", json=WORD, headers={"idempotency-key": "k-2"})
    twice = http.post("/rollouts/r1/promote", json=WORD, headers={"idempotency-key": "k-2"})
    assert once.json() == twice.json()
    assert control.rollout("r1").stage == 1


def test_of_many_starts_at_once_one_starts(http: TestClient, control: Control) -> None:
    bodies = [spec(rollout_id=f"r{n}").model_dump(mode="json") for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda body: http.post("/rollouts", json=body), bodies))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]
    (first,) = [answer.json()["spec"]["rollout_id"] for answer in answers if answer.status_code == 201]
    assert {a.json()["current"]["rollout_id"] for a in answers if a.status_code == 409} == {first}
    assert [state.spec.rollout_id for state in control.outbox] == [first]


def test_the_same_key_with_another_request_is_a_422(http: TestClient, control: Control) -> None:
    http.post("/rollouts", json=spec().model_dump(mode="json"), headers={"idempotency-key": "k"})
    for action, word in (("promote", WORD), ("pause", WORD)):
        answer = http.post(f"/rollouts/r1/{action}", json=word, headers={"idempotency-key": "k"})
        assert answer.status_code == 422
        assert "came with another request before" in answer.json()["error"]
    assert control.rollout("r1").revision == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"stages": [{"share": 0.5}, {"share": 0.2}]}, "shares of stages must grow"),
        ({"stagess": []}, "stagess"),
        ({"rollout_id": "a/b"}, "its id is expected to be 1 to 64 of"),
        ({"capabilities": []}, "none of its 0 capabilities is watched"),
        ({"stages": [{"share": 1.5}]}, "less than or equal to 1"),
        ({"audit": None}, "audit"),
        (
            {"audit": AuditRef(verdict="fail", sha256="e").model_dump()},
            "its audit's verdict is 'fail', expected 'pass'",
        ),
    ],
)
def test_a_spec_that_cannot_be_a_rollout_is_a_422_that_says_why(
    http: TestClient, change: dict[str, Any], told: str
) -> None:
    answer = http.post("/rollouts", json=spec().model_dump(mode="json") | change)
    assert answer.status_code == 422
    assert told in answer.text


def test_a_spec_that_no_broker_would_take_is_a_422_and_starts_nothing(
    http: TestClient, control: Control
) -> None:
    answer = http.post("/rollouts", json=spec().model_dump(mode="json") | {"model_alias": "x" * SPEC_BYTES})
    assert answer.status_code == 422
    assert "bytes of JSON, expected at most 400,000" in answer.json()["error"]
    assert (control.current(), list(control.outbox)) == (None, [])


def test_the_largest_spec_that_starts_fits_a_record_with_an_allotment_of_its_own() -> None:
    names = [f"{number:04}{'x' * 96}" for number in range(MOST_CAPABILITIES)]
    watched = tuple(CapabilityWatch(name=n, role="adjacent", threshold=0.1, weight=0.001) for n in names)
    moved = Allotment(settled=10**9, by_capability=dict.fromkeys(names, 1 / 3), otherwise=1 / 3)
    padding = SPEC_BYTES - 100 - len(spec(capabilities=watched).model_dump_json())
    largest = started(capabilities=watched, model_alias="m" * padding)
    state = transition(largest, Hold("watch", "r" * 500, allotment=moved), NOON)
    assert len(state.spec.model_dump_json()) > 0.98 * SPEC_BYTES
    assert codec.encode(state).size < MAX_RECORD_BYTES


def test_a_failed_audit_with_a_named_override_may_start(http: TestClient) -> None:
    audit = AuditRef(verdict="fail", sha256="e", override_by="ada", override_reason="for the demo")
    assert http.post("/rollouts", json=spec(audit=audit).model_dump(mode="json")).status_code == 201
