"""A rollout by hand: one command, one HTTP call and one button roll it back, also after the full rollout."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from belay.cli import app
from belay.home import Home
from router.control.actor import Control
from router.control.api import create_app
from router.control.audit_log import AuditLog
from serving.models.manifest import bind_audit, read_manifest, write_manifest
from telemetry.errors import InfrastructureError, ModelPinned, UsageError
from tests.router.values import spec

WORD = ("--by", "ada", "--reason", "by hand")


def belay(*arguments: str, control: str = "") -> str:
    """Run a command in this process; its output. Raises what it raised."""
    where = ("--control", control) if control else ()
    result = CliRunner().invoke(app, [*arguments, *where], env={"COLUMNS": "200"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with two models."""
    place = Home(tmp_path / "home")
    for name in ("base", "mine"):
        folder = place.model(name)
        folder.mkdir(parents=True)
        (folder / "weights").write_text(name, encoding="utf-8")
        write_manifest(folder, kind="base" if name == "base" else "candidate", name=name)
    bind_audit(place.model("mine"), spec().audit)
    return place


@pytest.fixture
def control(tmp_path: Path, home: Home, free_port: int) -> Iterator[str]:
    """A real control process without a broker; where it answers."""
    settings = tmp_path / "control.yaml"
    settings.write_text(
        yaml.safe_dump(
            {
                "port": free_port,
                "rollout_file": str(tmp_path / "rollout.json"),
                "folder": str(tmp_path / "run"),
                "models_folder": str(home.models),
            }
        ),
        encoding="utf-8",
    )
    url = f"http://127.0.0.1:{free_port}"
    with (tmp_path / "control.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "belay", "control", "--settings", str(settings)], stdout=log, stderr=log
        )
        try:
            deadline = time.monotonic() + 60
            while not answers(url):
                assert child.poll() is None, (tmp_path / "control.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield url
            child.send_signal(signal.SIGTERM)
            assert child.wait(20) == 0
        finally:
            child.kill()
            child.wait()


@pytest.fixture
def api(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Control's API in this process; commands reach it at http://control."""
    made = Control(tmp_path / "rollout.json", tmp_path / "control.jsonl", models=home.models)
    audit = AuditLog(tmp_path / "audit.jsonl")
    made.followers.append(audit.changed)
    with TestClient(create_app(made, audit=audit), base_url="http://control") as client:

        def request(method: str, url: str, **named: Any) -> httpx.Response:
            named.pop("timeout")
            return client.request(method, url, **named)

        monkeypatch.setattr("belay.steps.control_client.httpx.request", request)
        yield client


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def rollout(tmp_path: Path, home: Home) -> Path:
    """A rollout's file: one stage, then everybody."""
    refs = {"base": read_manifest(home.model("base")).ref, "candidate": read_manifest(home.model("mine")).ref}
    file = tmp_path / "rollout.yaml"
    file.write_text(json.dumps(spec((0.5,), **refs).model_dump(mode="json")), encoding="utf-8")
    return file


def test_a_rollout_is_started_promoted_and_rolled_back_within_its_window_by_one_command(
    control: str, rollout: Path, home: Home
) -> None:
    assert "ramping" in belay("rollout", "start", str(rollout), control=control)
    assert "promoted" in belay("rollout", "promote", "r1", *WORD, control=control)
    shown = belay("rollout", "status", control=control)
    assert re.search(r"possible until \d{4}-\d\d-\d\d \d\d:\d\d UTC", shown)
    pins = belay("rollout", "pins", "--home", str(home.root))
    assert "r1" in pins
    assert "base, mine" in pins
    with pytest.raises(ModelPinned, match="until then rollout 'r1' may be rolled back"):
        belay("clean", "--home", str(home.root))
    shown = belay("rollout", "rollback", "r1", *WORD, control=control)
    assert "rolled_back" in shown
    assert "ada" in shown
    assert "Nothing is pinned" in belay("rollout", "pins", "--home", str(home.root))
    belay("clean", "--home", str(home.root))
    assert not home.root.exists()


def test_one_http_call_rolls_a_promoted_rollout_back_and_a_closed_one_says_why_not(
    api: TestClient, rollout: Path
) -> None:
    belay("rollout", "start", str(rollout), control="http://control")
    belay("rollout", "promote", "r1", *WORD, control="http://control")
    answer = api.post("/rollouts/r1/rollback", json={"actor": "ada", "reason": "by hand"})
    assert (answer.status_code, answer.json()["status"], answer.json()["share"]) == (200, "rolled_back", 0.0)
    again = json.loads(rollout.read_text()) | {"rollout_id": "r2"}
    assert api.post("/rollouts", json=again).status_code == 201
    belay("rollout", "promote", "r2", *WORD, control="http://control")
    assert "closed" in belay("rollout", "close", "r2", *WORD, control="http://control")
    with pytest.raises(UsageError, match=r"RollBack of rollout 'r2' is refused: it is closed"):
        belay("rollout", "rollback", "r2", *WORD, control="http://control")


@pytest.mark.usefixtures("api")
def test_what_control_refuses_is_told_with_what_to_do(rollout: Path) -> None:
    belay("rollout", "start", str(rollout), control="http://control")
    with pytest.raises(UsageError, match="'r1' is ramping") as refused:
        belay("rollout", "start", str(rollout), control="http://control")
    assert refused.value.hint.startswith("Roll it back first, or close it where it is promoted")
    with pytest.raises(UsageError, match="no rollout 'r9'; known are 'r1'"):
        belay("rollout", "rollback", "r9", *WORD, control="http://control")
    with pytest.raises(UsageError, match="actor: String should have at least 1 character"):
        belay("rollout", "rollback", "r1", "--by", "", "--reason", "x", control="http://control")


@pytest.mark.usefixtures("api")
def test_a_rollout_is_listed_shown_paused_and_resumed(rollout: Path) -> None:
    belay("rollout", "start", str(rollout), "--by", "ada", "--reason", "go", control="http://control")
    listed = belay("rollout", "list", control="http://control")
    assert re.search(r"r1 +default +mine", listed)
    assert "1 of 1" in listed
    assert "paused" in belay("rollout", "pause", "r1", *WORD, control="http://control")
    with pytest.raises(
        UsageError, match="revision 1 is refused: it is paused at stage 0, revision 2, by ada"
    ):
        belay("rollout", "resume", "r1", *WORD, "--revision", "1", control="http://control")
    assert "ramping" in belay("rollout", "resume", "r1", *WORD, "--revision", "2", control="http://control")
    shown = json.loads(belay("rollout", "show", "r1", "--json", control="http://control"))
    assert (shown["status"], shown["revision"]) == ("ramping", 3)


@pytest.mark.usefixtures("api")
def test_history_tells_who_did_what_and_fails_where_the_log_was_edited(rollout: Path, tmp_path: Path) -> None:
    belay("rollout", "start", str(rollout), "--by", "ada", "--reason", "go", control="http://control")
    with pytest.raises(UsageError):
        belay("rollout", "close", "r1", "--by", "bob", "--reason", "tidy", control="http://control")
    told = belay("rollout", "history", "r1", control="http://control")
    assert re.search(r"r1 +ada \(admin\) +testclient +none -> ramping +0 -> 1 +go", told)
    assert "refused: close" in told
    assert "2 entries hold together" in told
    assert "Nothing has been done yet" in belay("rollout", "history", "r7", control="http://control")
    copy = tmp_path / "copy.jsonl"
    copy.write_text((tmp_path / "audit.jsonl").read_text().replace("tidy", "tide").replace('"ada"', '"eve"'))
    edited = CliRunner().invoke(app, ["rollout", "history", "--file", str(copy)])
    assert edited.exit_code == 1
    assert "The log was tampered with: line 1 was changed after it was written" in edited.output


@pytest.mark.usefixtures("api")
def test_two_rollouts_differ_in_what_they_were_started_with(rollout: Path) -> None:
    belay("rollout", "start", str(rollout), control="http://control")
    belay("rollout", "rollback", "r1", *WORD, control="http://control")
    other = json.loads(rollout.read_text()) | {"rollout_id": "r2", "alpha": 0.02}
    rollout.write_text(json.dumps(other), encoding="utf-8")
    belay("rollout", "start", str(rollout), control="http://control")
    told = belay("rollout", "diff", "r1", "r2", control="http://control")
    assert re.search(r"alpha +0.01 +0.02", told)
    assert "holdback" not in told


def test_watch_tells_each_change_and_ends_with_the_rollout(
    api: TestClient, rollout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    belay("rollout", "start", str(rollout), control="http://control")
    steps = iter(["pause", "resume", "rollback"])

    def next_step(_: float) -> None:
        assert api.post(f"/rollouts/r1/{next(steps)}", json={"actor": "ada", "reason": "so"}).is_success

    monkeypatch.setattr("belay.commands.rollout_views.time.sleep", next_step)
    told = CliRunner().invoke(app, ["rollout", "watch", "r1", "--control", "http://control"])
    assert told.exit_code == 1
    assert re.findall(r"ramping|paused|rolled_back", told.output) == [
        "ramping",
        "paused",
        "ramping",
        "rolled_back",
    ]


def test_a_token_is_made_listed_sent_and_revoked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ("--file", str(tmp_path / "tokens.yaml"))
    made = CliRunner().invoke(
        app, ["control", "token", "new", "ada", "--role", "operator", "--days", "9", *file]
    )
    secret = made.stdout.strip()
    assert secret.startswith("belay_")
    assert re.search(r"ada +operator +\d{4}-", belay("control", "token", "list", *file))
    sent: list[str] = []

    def request(method: str, url: str, **named: Any) -> httpx.Response:
        sent.append(named["headers"].get("authorization", ""))
        return httpx.Response(200, json=[], request=httpx.Request(method, url))

    monkeypatch.setattr("belay.steps.control_client.httpx.request", request)
    monkeypatch.setenv("BELAY_TOKEN", secret)
    belay("rollout", "list")
    belay("rollout", "list", "--token", "another")
    assert sent == [f"Bearer {secret}", "Bearer another"]
    assert secret not in belay("control", "token", "revoke", "ada", *file)


@pytest.mark.usefixtures("api")
def test_a_pin_whose_control_is_gone_is_released_by_hand(rollout: Path, home: Home) -> None:
    belay("rollout", "start", str(rollout), control="http://control")
    with pytest.raises(UsageError, match="known are r1"):
        belay("rollout", "unpin", "r7", *WORD, "--home", str(home.root))
    belay("rollout", "unpin", "r1", *WORD, "--home", str(home.root))
    assert "Nothing is pinned" in belay("rollout", "pins", "--home", str(home.root))


def test_an_absent_control_is_named_with_what_to_do(free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    with pytest.raises(InfrastructureError, match=f"control does not answer at {url}") as away:
        belay("rollout", "status", control=url)
    assert "belay control --settings" in away.value.hint


def test_clean_removes_only_what_is_belays(tmp_path: Path, home: Home) -> None:
    stranger = tmp_path / "photos"
    stranger.mkdir()
    with pytest.raises(UsageError, match="it is no folder of Belay's"):
        belay("clean", "--home", str(stranger))
    assert stranger.is_dir()
    assert "There is nothing" in belay("clean", "--home", str(tmp_path / "absent"))
    belay("clean", "--home", str(home.root))
    assert not home.root.exists()


@pytest.mark.usefixtures("api")
def test_where_several_routes_have_a_rollout_the_commands_ask_which(rollout: Path) -> None:
    belay("rollout", "start", str(rollout), control="http://control")
    other = json.loads(rollout.read_text()) | {"rollout_id": "r2", "route": "acme/sql"}
    rollout.write_text(json.dumps(other))
    assert "acme/sql" in belay("rollout", "start", str(rollout), control="http://control")
    with pytest.raises(UsageError, match="2 rollouts, and none was named: 'r2' on route 'acme/sql'"):
        belay("rollout", "status", control="http://control")
    assert "r2" in belay("rollout", "status", "--route", "acme/sql", control="http://control")
    assert "r1" not in belay("rollout", "list", "--route", "acme/sql", control="http://control")
