"""Belay as a judge: asked in exactly the forms in which Argo Rollouts and Flagger ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from router.control.actor import Control
from router.control.api import create_app
from router.control.rollout import Pause, Promote, Resume, RollBack
from router.control.verdict import MOST_PASSES, Passes
from telemetry.events import STAGE_DONE, Stage
from tests.places import ROOT
from tests.router.values import decision, promoted, rolled_back, spec, started


@pytest.fixture
def http(control: Control) -> Iterator[TestClient]:
    with TestClient(create_app(control)) as client:
        yield client


def argo(http: TestClient, rollout: str = "r1", stage: int | None = None) -> str:
    """The value that Argo's `jsonPath: {$.verdict}` takes; anything but a 200 is an error to Argo."""
    query = "" if stage is None else f"?stage={stage}"
    answer = http.get(f"/verdict/{rollout}{query}", headers={"user-agent": "Go-http-client/1.1"})
    assert answer.status_code == 200
    return str(answer.json()["verdict"])


def flagger(http: TestClient, hook: str, metadata: dict[str, str] | None = None, **changes: str) -> bool:
    """Whether Flagger takes the answer for a success. It posts so: Go's JSON, no charset, metadata only if there is."""
    payload: dict[str, Any] = {
        "name": "support", "namespace": "prod", "phase": "Progressing", "checksum": "85d557f47b",
    } | changes  # fmt: skip
    if metadata is not None:
        payload["metadata"] = metadata
    answer = http.post(
        f"/flagger/{hook}",
        content=json.dumps(payload, separators=(",", ":")),
        headers={"content-type": "application/json", "user-agent": "Go-http-client/1.1"},
    )
    assert answer.status_code in (200, 403)
    assert answer.json()["reason"]
    return answer.status_code <= 202


def test_argo_gets_a_200_and_a_hold_where_there_is_no_rollout(http: TestClient) -> None:
    assert argo(http) == "hold"
    assert argo(http, "current") == "hold"


def test_argo_hears_hold_until_the_stage_is_promoted_and_promote_ever_after(
    http: TestClient, control: Control
) -> None:
    control.start(spec())
    assert argo(http) == "hold"
    assert http.get("/verdict/r1").json()["reason"] == "no decision yet"
    control.decide(decision("hold"))
    assert http.get("/verdict/r1?stage=0").json()["reason"] == "addition fell"
    control.decide(decision("promote", stage=0))
    assert control.rollout("r1").stage == 1
    assert [argo(http, stage=n) for n in (0, 1, 2)] == ["promote", "hold", "hold"]
    assert argo(http, "current", stage=0) == "promote"


def test_argo_hears_roll_back_at_every_stage_once_it_is(http: TestClient, control: Control) -> None:
    control.start(spec())
    control.decide(decision("promote", stage=0))
    control.decide(decision("roll_back", stage=1))
    assert [argo(http, stage=n) for n in (0, 1)] == ["roll_back", "roll_back"]


def test_a_promotion_that_has_to_wait_is_a_hold_with_its_reason(http: TestClient, control: Control) -> None:
    control.start(spec(stages=(Stage(share=0.05, min_hours=24), Stage(share=0.5))))
    control.decide(decision("promote", stage=0))
    told = http.get("/verdict/r1").json()
    assert (told["verdict"], told["status"], told["share"]) == ("hold", "ramping", 0.05)
    assert "at least" in told["reason"]


def test_a_promotion_by_hand_or_of_a_manual_rollout_is_the_evidences_verdict_until_then(
    http: TestClient, control: Control
) -> None:
    control.start(spec(advance="manual"))
    control.decide(decision("promote", stage=0))
    assert control.rollout("r1").stage == 0
    assert argo(http) == "promote"
    control.decide(decision("hold"))
    assert argo(http) == "hold"
    control.decide(decision("hold").model_copy(update={"reason": STAGE_DONE.format(stage=0)}))
    assert argo(http) == "promote"


def test_flagger_goes_one_step_on_for_each_stage_and_holds_between(
    http: TestClient, control: Control
) -> None:
    mine = {"rollout": "r1"}
    control.start(spec())
    assert flagger(http, "confirm-traffic-increase", mine)
    assert not flagger(http, "confirm-traffic-increase", mine)
    control.decide(decision("promote", stage=0))
    assert flagger(http, "confirm-traffic-increase", mine)
    assert not flagger(http, "confirm-traffic-increase", mine)
    assert not flagger(http, "rollback", mine)
    control.act("r1", Pause("ada", "a look"))
    assert not flagger(http, "confirm-traffic-increase", mine)
    control.act("r1", Resume("ada", "fine"))
    control.act("r1", Promote("ada", "on"))
    control.act("r1", Promote("ada", "all"))
    assert control.rollout("r1").status == "promoted"
    assert all(flagger(http, "confirm-traffic-increase", mine) for _ in range(3))


def test_flagger_rolls_back_where_belay_did_and_increases_nothing_then(
    http: TestClient, control: Control
) -> None:
    control.start(spec())
    assert not flagger(http, "rollback")
    control.act("r1", RollBack("ada", "complaints"))
    assert flagger(http, "rollback", phase="Waiting")
    assert flagger(http, "rollback", {"rollout": "r1"})
    assert not flagger(http, "confirm-traffic-increase")


def test_flagger_is_told_no_where_there_is_no_such_rollout(http: TestClient) -> None:
    for hook in ("confirm-traffic-increase", "rollback"):
        assert not flagger(http, hook)
        assert not flagger(http, hook, {"rollout": "r9"})


def test_a_canary_with_another_checksum_is_another_one(http: TestClient, control: Control) -> None:
    control.start(spec())
    assert flagger(http, "confirm-traffic-increase")
    assert flagger(http, "confirm-traffic-increase", checksum="f00")
    assert not flagger(http, "confirm-traffic-increase")


def test_nobody_gets_traffic_in_shadow_and_the_first_stage_after_it_lets_one_step_through() -> None:
    passes, shadow = Passes(), started(shares=(0.0, 0.05, 0.5), shadow=0.1)
    assert not passes.let_through(("a",), shadow)
    assert passes.let_through(("a",), promoted(shadow))
    assert not passes.let_through(("a",), promoted(shadow))
    assert not passes.let_through(("b",), promoted(promoted(shadow)))
    assert not passes.let_through(("a",), rolled_back(promoted(shadow)))


def test_what_was_let_through_is_kept_of_so_many_only() -> None:
    passes, state = Passes(), started()
    assert all(passes.let_through((str(n),), state) for n in range(MOST_PASSES + 1))
    assert not passes.let_through(("1",), state)
    assert passes.let_through(("0",), state)


def test_the_manifests_in_the_docs_ask_at_addresses_that_answer(http: TestClient, control: Control) -> None:
    control.start(spec())
    page = (ROOT / "docs" / "router.md").read_text(encoding="utf-8")
    argo_, canary = (
        yaml.safe_load(block.split("```")[0])
        for block in page.split("## As the judge of others")[1].split("```yaml\n")[1:3]
    )
    (metric,) = argo_["spec"]["metrics"]
    web = metric["provider"]["web"]
    url = web["url"].replace("{{args.rollout}}", "r1").replace("{{args.stage}}", "0")
    assert http.get(url.partition(":8090")[2]).json()["verdict"] == "hold"
    assert (web["jsonPath"], metric["inconclusiveLimit"] > 1000) == ("{$.verdict}", True)
    for hook in canary["spec"]["analysis"]["webhooks"]:
        address = hook["url"].partition(":8090/flagger/")[2]
        assert address == hook["type"]
        flagger(http, address, hook["metadata"])
