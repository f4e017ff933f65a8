"""The planner as a form: it reckons what `belay plan` reckons, and says what is wrong beside its field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from belay.steps.page_forms import PagePlanner
from evaluator.watch.planning.planner import Plan, PlannedCapability, forecast
from router.control.actor import Control
from router.control.api import Forms, create_app
from router.control.planning_api import CURVE


@pytest.fixture
def http(control: Control) -> Iterator[TestClient]:
    with TestClient(create_app(control, forms=Forms(planner=PagePlanner()))) as client:
        yield client


def form(**changes: Any) -> dict[str, Any]:
    parts = [
        {"name": "facts", "traffic": 0.3, "base": 0.9, "threshold": 0.05},
        {"name": "sums", "traffic": 0.1, "base": 0.6, "threshold": 0.1},
    ]
    return {
        "capabilities": parts,
        "rate": 2.0,
        "stages": "5%:2000,50%",
        "shadow": 0.1,
        "fresh": 0.4,
    } | changes


def test_the_form_reckons_what_the_command_line_reckons(http: TestClient) -> None:
    told = http.post("/api/plan", json=form()).json()
    plan = Plan(
        capabilities=tuple(PlannedCapability(**part, weight=0.5) for part in form()["capabilities"]),
        rate=2.0,
        stages=((0.05, 2000), (0.5, 0)),
        shadow=0.1,
        fresh=0.4,
    )
    wanted = {(one.capability, one.drop): one.p50 for one in forecast(plan, CURVE)}
    found = {
        (one["capability"], one["drop"]): one["p50"] for curve in told["curves"] for one in curve["found"]
    }
    assert found["facts", 0.02] is None, "within the threshold: never"
    assert {key: p50 for key, p50 in found.items() if p50 is not None} == {
        key: p50 for key, p50 in wanted.items() if p50 != float("inf")
    }
    assert told["stages"] == [[0.05, 2000], [0.5, 0]]


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"stages": "50%,5%"}, "stages", "shares of stages must grow"),
        ({"stages": "half"}, "stages", "expected a share and interactions"),
        (
            {"capabilities": [{"name": n, "traffic": 0.6, "base": 0.9, "threshold": 0.05} for n in "ab"]},
            "capabilities",
            "more than all of it",
        ),
    ],
)
def test_what_is_wrong_is_told_by_field(
    http: TestClient, changes: dict[str, Any], field: str, words: str
) -> None:
    answer = http.post("/api/plan", json=form(**changes))
    assert answer.status_code == 422
    assert words in answer.json()["fields"][field]


def test_a_number_that_is_none_is_told_by_its_place(http: TestClient) -> None:
    answer = http.post("/api/plan", json=form(rate=0))
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "rate"])


def test_a_control_without_a_planner_says_so(control: Control) -> None:
    with TestClient(create_app(control)) as client:
        answer = client.post("/api/plan", json=form())
    assert (answer.status_code, "belay plan" in answer.json()["hint"]) == (404, True)
