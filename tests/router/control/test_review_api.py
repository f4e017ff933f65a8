"""Grading over HTTP: blind, by an operator, once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from threading import Event
from typing import Any

import pytest
from fastapi.testclient import TestClient

from router.control.access import Caller
from router.control.actor import Control
from router.control.api import create_app
from telemetry.events import AnswerGraded, Message
from tests.router.values import NOON, spec


@dataclass
class Case:
    id: str = "c1"
    capability: str = "facts"
    messages: tuple[Message, ...] = (Message(role="user", content="Which is the capital of Norway?"),)
    answer: str = "Oslo."


@dataclass
class Fake:
    """One case for everybody; what was graded."""

    grades: list[tuple[str, str, float, str]] = field(default_factory=list)

    def show(self, rollout_id: str, grader: str) -> Case | None:  # noqa: ARG002 -- the shape of Reviewing
        return None if any(who == grader for _, who, _, _ in self.grades) else Case()

    def left(self, rollout_id: str, grader: str) -> tuple[int, int]:  # noqa: ARG002 -- the shape of Reviewing
        return 1, 4

    def take(
        self, rollout_id: str, case_id: str, grader: str, grade: float, note: str
    ) -> AnswerGraded | None:
        if case_id != "c1":
            return None
        self.grades.append((rollout_id, grader, grade, note))
        return AnswerGraded(
            event_id="g", time=NOON, source="test", rollout_id=rollout_id, interaction_id="i1",
            capability="facts", arm="candidate", grade=grade, grader=grader, sampled_fraction=0.5, note=note,
        )  # fmt: skip


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def http(control: Control, fake: Fake) -> Iterator[TestClient]:
    with TestClient(create_app(control, reviewing=lambda: fake)) as client:
        client.post("/rollouts", json=spec().model_dump(mode="json"))
        yield client


def test_an_answer_is_shown_without_its_arm_and_graded(http: TestClient, fake: Fake) -> None:
    shown = http.get("/rollouts/r1/review?actor=ada").json()
    assert shown == {
        "case": "c1",
        "capability": "facts",
        "messages": [{"role": "user", "content": "Which is the capital of Norway?"}],
        "answer": "Oslo.",
        "left": 1,
        "graded_pairs": 4,
    }
    made = http.post("/rollouts/r1/review/c1", json={"grade": 0.75, "note": "short", "actor": "ada"})
    assert (made.status_code, made.json()) == (201, {"case": "c1", "grade": 0.75, "grader": "ada"})
    assert fake.grades == [("r1", "ada", 0.75, "short")]
    assert http.get("/rollouts/r1/review?actor=ada").json()["case"] is None


def test_what_is_asked_twice_with_a_key_is_graded_once(http: TestClient, fake: Fake) -> None:
    body, key = {"grade": 1.0, "actor": "ada"}, {"Idempotency-Key": "k1"}
    first, again = (http.post("/rollouts/r1/review/c1", json=body, headers=key) for _ in range(2))
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert len(fake.grades) == 1
    other = http.post("/rollouts/r1/review/c1", json=body | {"grade": 0.0}, headers=key)
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("r1/review/c9", {"grade": 1.0, "actor": "ada"}, 404),
        ("r9/review/c1", {"grade": 1.0, "actor": "ada"}, 404),
        ("r1/review/c1", {"grade": 1.0}, 422),
        ("r1/review/c1", {"grade": 1.5, "actor": "ada"}, 422),
        ("r1/review/c1", {"grade": 1.0, "actor": "ada", "arm": "control"}, 422),
    ],
)
def test_what_is_no_grade_of_a_shown_case_is_refused(
    http: TestClient, fake: Fake, path: str, body: dict[str, object], status: int
) -> None:
    assert http.post(f"/rollouts/{path}", json=body).status_code == status
    assert fake.grades == []


def test_a_viewer_neither_reads_nor_grades_and_who_signed_in_is_the_grader(
    control: Control, fake: Fake
) -> None:
    app = create_app(control, reviewing=lambda: fake)
    who = [Caller("vi", "viewer", "here")]

    @app.middleware("http")
    async def _sign_in(request, call_next):  # type: ignore[no-untyped-def]  # as starlette hands them over
        request.scope["belay.caller"] = who[0]
        return await call_next(request)

    with TestClient(app) as http:
        who[0] = Caller("olga", "operator", "here")
        http.post("/rollouts", json=spec().model_dump(mode="json"))
        who[0] = Caller("vi", "viewer", "here")
        assert http.get("/rollouts/r1/review").status_code == 403
        assert http.post("/rollouts/r1/review/c1", json={"grade": 1.0}).status_code == 403
        who[0] = Caller("olga", "operator", "here")
        assert (
            http.post("/rollouts/r1/review/c1", json={"grade": 1.0, "actor": "ada"}).json()["grader"]
            == "olga"
        )


def test_a_control_without_a_broker_says_that_it_shows_nothing(control: Control) -> None:
    with TestClient(create_app(control)) as http:
        http.post("/rollouts", json=spec().model_dump(mode="json"))
        answer = http.get("/rollouts/r1/review?actor=ada")
        assert (answer.status_code, "belay review" in answer.json()["hint"]) == (404, True)


def test_a_grade_that_the_broker_keeps_waiting_holds_up_no_rollback(control: Control) -> None:
    waiting, goes_on = Event(), Event()

    class Slow(Fake):
        def take(self, *asked: Any) -> AnswerGraded | None:
            waiting.set()
            goes_on.wait(10.0)
            return super().take(*asked)

    graded = {"json": {"grade": 1.0, "actor": "ada"}, "headers": {"Idempotency-Key": "k1"}}
    undone = {"json": {"actor": "bo", "reason": "it is bad"}, "headers": {"Idempotency-Key": "k2"}}
    slow = Slow()
    with TestClient(create_app(control, reviewing=lambda: slow)) as http, ThreadPoolExecutor(3) as asking:
        http.post("/rollouts", json=spec().model_dump(mode="json"))
        try:
            grades = [asking.submit(http.post, "/rollouts/r1/review/c1", **graded) for _ in range(2)]
            assert waiting.wait(5.0)
            rolled_back = asking.submit(http.post, "/rollouts/r1/rollback", **undone)
            assert rolled_back.result(2.0).json()["status"] == "rolled_back"
        finally:
            goes_on.set()
        assert [grade.result(5.0).status_code for grade in grades] == [201, 201]
        assert len(slow.grades) == 1


def test_two_people_who_ask_first_are_shown_answers_by_one_and_the_same(control: Control) -> None:
    made, another = [], Event()

    @cache
    def reviewing() -> Fake:
        made.append(Fake())
        if len(made) == 2:
            another.set()
        another.wait(0.3)
        return made[-1]

    with TestClient(create_app(control, reviewing=reviewing)) as http, ThreadPoolExecutor(2) as asking:
        http.post("/rollouts", json=spec().model_dump(mode="json"))
        shown = [asking.submit(http.get, f"/rollouts/r1/review?actor={who}") for who in ("ada", "bo")]
        assert [one.result(5.0).json()["case"] for one in shown] == ["c1", "c1"]
    assert len(made) == 1
