"""The audit log: what is in it, that an edit shows, and that nothing it runs into costs a rollback."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from router.control.access import Caller
from router.control.actor import Control
from router.control.api import create_app
from router.control.audit_chain import FIRST, verify
from router.control.audit_log import STRANGERS, AuditLog
from router.control.rollout import Pause, Promote, RollBack
from tests.router.values import NOON, decision, promoted, spec, started

STRANGER = Caller("", "viewer", "10.0.0.9")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def audit(file: Path, control: Control) -> AuditLog:
    made = AuditLog(file)
    control.followers.append(made.changed)
    return made


def entries(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_each_change_is_there_with_who_why_and_both_revisions(
    audit: AuditLog, control: Control, file: Path
) -> None:
    assert audit.lines() == []
    control.start(spec(), "ada", "go")
    control.act("r1", Promote("bob", "looks fine"))
    made = decision("roll_back")
    control.decide(made)
    told = [(e["what"], e["actor"], e["reason"], e["before"], e["after"]) for e in entries(file)]
    assert told == [
        ("none -> ramping", "ada", "go", None, 1),
        ("ramping -> ramping", "bob", "looks fine", 1, 2),
        ("ramping -> rolled_back", "belay.worker", "addition fell", 2, 3),
    ]
    assert entries(file)[2]["decision_id"] == made.event_id
    assert verify(audit.lines()).broken is None


def test_what_is_asked_over_http_says_from_where_and_refusals_say_why(
    audit: AuditLog, control: Control, file: Path
) -> None:
    with TestClient(create_app(control, audit=audit)) as http:
        http.post("/rollouts", json=spec().model_dump(mode="json"))
        http.post("/rollouts/r1/close", json={"actor": "ada", "reason": "done"})
        http.post("/rollouts/r1/pause", json={"actor": "ada", "reason": "a look"})
        told = http.get("/history").text.splitlines()
    changed, refused, paused = entries(file)
    assert (changed["outcome"], changed["role"], changed["origin"]) == ("changed", "admin", "testclient")
    assert (refused["outcome"], refused["what"], refused["actor"]) == ("refused", "close", "ada")
    assert "possible there" in refused["reason"]
    assert (paused["before"], paused["after"]) == (1, 2)
    assert told == audit.lines()


def test_a_request_that_cannot_be_read_is_a_refusal_too(
    audit: AuditLog, control: Control, file: Path
) -> None:
    with TestClient(create_app(control, audit=audit)) as http:
        assert http.post("/rollouts", json={"stagess": []}).status_code == 422
        assert http.post("/rollouts/r1/promote", json={"reason": ""}).status_code == 422
    start, promote = entries(file)
    assert (start["outcome"], start["what"]) == ("refused", "POST /rollouts")
    assert "body.stagess" in start["reason"]
    assert (promote["what"], promote["after"]) == ("POST /rollouts/r1/promote", None)


def test_an_edited_dropped_inserted_or_moved_line_shows(audit: AuditLog, control: Control) -> None:
    control.start(spec())
    control.act("r1", Pause("ada", "a look"))
    control.act("r1", RollBack("ada", "enough"))
    control.start(spec(rollout_id="r2"))
    good = audit.lines()
    assert (len(good), verify(good).length) == (4, 4)
    edited = [good[0], good[1].replace('"ada"', '"bob"'), *good[2:]]
    assert verify(edited) == (1, json.loads(good[0])["sha256"], "line 2 was changed after it was written")
    for tampered in (good[1:], [good[0], *good[2:]], [good[0], good[0], *good[1:]], [good[1], good[0]]):
        assert "was dropped, inserted or replaced" in (verify(tampered).broken or "")
    assert verify([*good, "{"]).broken == "line 5 is no entry"
    assert verify([]) == (0, FIRST, None)


def test_the_chain_goes_on_after_a_restart_and_behind_a_line_that_was_cut_short(
    audit: AuditLog, control: Control, file: Path
) -> None:
    control.start(spec())
    with file.open("a") as added:
        added.write('{"number": 2, "what')
    again = AuditLog(file)
    again.changed(started(), promoted(started()))
    assert [e["number"] for e in entries(file)] == [1, 2]
    assert verify(audit.lines()).broken is None


def test_a_tampered_log_is_said_at_the_start_stays_broken_and_is_added_to(
    audit: AuditLog, control: Control, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    control.start(spec(), "ada", "go")
    control.act("r1", Promote("ada", "on"))
    file.write_text(file.read_text().replace("ada", "bob"))
    with caplog.at_level(logging.ERROR):
        again = AuditLog(file)
    assert "was tampered with: line 1 was changed" in caplog.text
    again.changed(started(), promoted(started()))
    assert [e["number"] for e in entries(file)] == [1, 2, 3]
    assert verify(audit.lines()).broken is not None


def test_strangers_fill_no_disk_and_what_they_tried_is_counted(file: Path) -> None:
    moment = NOON

    def clock() -> datetime:
        return moment

    audit = AuditLog(file, clock)
    for _ in range(STRANGERS + 40):
        audit.refused(STRANGER, "GET /rollouts", "no token")
    assert len(entries(file)) == STRANGERS
    audit.refused(Caller("ada", "viewer", "::1"), "rollback", "needs operator", "r1")
    moment += timedelta(minutes=1)
    audit.refused(STRANGER, "GET /rollouts", "no token")
    assert [e["unwritten"] for e in entries(file)[-2:]] == [40, 0]


@pytest.mark.usefixtures("audit")
def test_a_log_that_cannot_be_written_costs_no_rollback(
    control: Control, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    control.start(spec())
    file.unlink()
    file.mkdir()
    with caplog.at_level(logging.ERROR):
        assert control.act("r1", RollBack("ada", "enough")).status == "rolled_back"
    assert "misses an entry" in caplog.text


def test_what_was_published_is_not_published_again_after_a_restart(
    audit: AuditLog, control: Control, file: Path
) -> None:
    control.start(spec())
    control.act("r1", Promote("ada", "on"))
    first, second = audit.unpublished()
    audit.published(first.end)
    (left,) = AuditLog(file).unpublished()
    assert left == second
    audit.published(second.end)
    assert AuditLog(file).unpublished() == []
