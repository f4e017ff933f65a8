"""Control over HTTP: what people ask for, and how they are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from router.control.actor import Control
from router.control.api import create_app
from telemetry.events import AuditRef
from tests.router.values import spec

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
    assert http.get("/healthz").json() == {"status": "ok", "rollout": "r1", "unpublished": 3}


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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"stages": [{"share": 0.5}, {"share": 0.2}]}, "shares of stages must grow"),
        ({"stagess": []}, "stagess"),
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


def test_a_failed_audit_with_a_named_override_may_start(http: TestClient) -> None:
    audit = AuditRef(verdict="fail", sha256="e", override_by="ada", override_reason="for the demo")
    assert http.post("/rollouts", json=spec(audit=audit).model_dump(mode="json")).status_code == 201


def test_the_page_needs_nothing_from_elsewhere(http: TestClient) -> None:
    page = http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "Roll back" in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
