"""A rollout drafted over HTTP: by an operator, kept nowhere, with what is wrong beside its field."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from router.control.access import Caller
from router.control.actor import Control
from router.control.api import Forms, create_app
from router.control.drafting_api import Candidate, Choices, DraftAsked, Drafted, WrongField
from tests.router.values import spec

ASKED = {"candidate": "mine", "model": "support", "stages": "5%:10,50%", "actor": "ada"}


class Fake:
    """A home with one candidate."""

    def choices(self) -> Choices:
        return Choices(
            candidates=(Candidate(name="mine", audit="pass"),),
            model="anything", stages="50%", advance="evidence", shadow=0.1,
        )  # fmt: skip

    def draft(self, asked: DraftAsked, by: str) -> Drafted:
        if asked.candidate != "mine":
            raise WrongField("candidate", f"there is no {asked.candidate}")
        return Drafted(spec=spec(rollout_id="r9"), terms=(f"drafted for {by}",))


@pytest.fixture
def client(control: Control) -> TestClient:
    return TestClient(create_app(control, forms=Forms(drafting=Fake())))


def test_what_is_drafted_is_what_a_start_takes_and_nothing_has_started_by_then(
    client: TestClient, control: Control
) -> None:
    made = client.post("/api/drafts", json=ASKED).json()
    assert made["terms"] == ["drafted for ada"]
    assert control.rollouts == ()
    assert client.post("/rollouts", json=made["spec"]).status_code == 201


def test_the_form_begins_with_the_model_that_is_asked_for_now_and_says_which_route_is_busy(
    client: TestClient, control: Control
) -> None:
    assert client.get("/api/drafts").json()["busy"] == {}
    live = control.start(spec()).spec
    told = client.get("/api/drafts").json()
    assert (told["model"], told["busy"]) == (live.model_alias, {"default": live.rollout_id})


def test_what_is_wrong_is_told_by_field(client: TestClient) -> None:
    answer = client.post("/api/drafts", json=ASKED | {"candidate": "other"})
    assert (answer.status_code, answer.json()["fields"]) == (422, {"candidate": "there is no other"})


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_viewer_drafts_nothing(client: TestClient, method: str) -> None:
    vic = Caller("vic", "viewer", "here")

    async def as_vic(scope, receive, send):  # type: ignore[no-untyped-def]  # ASGI's own three
        await client.app(scope | {"belay.caller": vic}, receive, send)

    answer = TestClient(as_vic).request(method, "/api/drafts", json=ASKED if method == "post" else None)
    assert (answer.status_code, "start needs operator" in answer.json()["error"]) == (403, True)


def test_a_control_without_a_brief_says_so(control: Control) -> None:
    answer = TestClient(create_app(control)).get("/api/drafts")
    assert (answer.status_code, "belay rollout draft" in answer.json()["hint"]) == (404, True)
