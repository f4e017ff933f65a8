"""`belay up` with two routes beside the file's own: all of it started by one command, each route rolled back alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from router.proxy.assign import unit_interval
from serving.models.manifest import EngineOfOthers, bind_audit
from serving.models.store import ModelStore
from telemetry.events import AuditRef
from tests.belay.launcher.test_parts import model
from tests.conftest import a_free_port
from tests.places import ROOT
from tests.router.values import spec

AUDIT = AuditRef(verdict="pass", sha256="e" * 64)
SALTS = {"acme/sql": "pepper", "acme/chat": "salt"}
ANN = next(n for n in map(str, range(99)) if max(unit_interval(salt, n) for salt in SALTS.values()) < 0.9)
"""Somebody who has the candidate on both routes."""


class _Engine(BaseHTTPRequestHandler):
    """Says by which model it was asked, as an engine that serves several does."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer({"object": "list", "data": [{"id": "any", "object": "model"}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = {"role": "assistant", "content": asked["model"]}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self._answer({"id": "1", "object": "chat.completion", "model": asked["model"], "choices": [choice]})

    def _answer(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def engine() -> Iterator[str]:
    """Where one engine answers for every model."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Engine)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def project(tmp_path: Path, engine: str) -> dict[str, Any]:
    """A belay.yaml whose models lie in the home, and whose arms are names on one engine that runs already."""
    home = tmp_path / "home"
    model(home, "own", "base", engine=EngineOfOthers(url=engine, model="own"))
    base = model(home, "base", "base")
    model(home, "tuned", "candidate", base)
    bind_audit(home / "models" / "tuned", AUDIT)
    routes = {
        name: {
            "base": {"urls": [engine], "model": f"{name} base", "adopted": "base"},
            "candidate": {"url": engine, "model": f"{name} tuned", "adopted": "tuned"},
        }
        for name in SALTS
    }
    ports = {name: a_free_port() for name in ("router", "status", "control", "engine", "broker")}
    tickets = ROOT / "examples" / "tickets" / "brief.yaml"
    given = {"route": "shop", "base": "own", "brief": str(tickets), "home": "home"}
    return given | {"ports": ports, "routes": routes}


@contextmanager
def up(folder: Path, project: dict[str, Any]) -> Iterator[Callable[..., str]]:
    """`belay up` in a folder until its control and router answer; gives other commands of that folder."""
    (folder / "belay.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "belay"]

    def belay(*arguments: str) -> str:
        done = subprocess.run(
            [*command, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    log = folder / "up.log"
    with log.open("wb") as said:
        child = subprocess.Popen([*command, "up"], cwd=folder, env=environment, stdout=said, stderr=said)
    try:
        until(lambda: "`belay status` shows how it stands" in log.read_text(), child, within_s=180.0)
        yield belay
    finally:
        child.send_signal(signal.SIGTERM)
        status = child.wait(60.0)
    assert status == 0, log.read_text()


def until(
    condition: Callable[[], bool], child: subprocess.Popen[bytes] | None = None, within_s: float = 30.0
) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        assert child is None or child.poll() is None, "belay up ended by itself"
        time.sleep(0.05)


@pytest.mark.slow
def test_two_routes_that_one_command_started_are_rolled_out_and_one_of_them_back_alone(
    tmp_path: Path, project: dict[str, Any]
) -> None:
    ports = project["ports"]
    control, router = (f"http://127.0.0.1:{ports[name]}" for name in ("control", "router"))

    def told(name: str) -> str:
        messages = [{"role": "user", "content": "Hi"}]
        body = {"model": name, "messages": messages}
        answer = httpx.post(f"{router}/v1/chat/completions", json=body, headers={"x-session-id": ANN})
        return str(answer.raise_for_status().json()["choices"][0]["message"]["content"])

    with up(tmp_path, project) as belay:
        names = [one["id"] for one in httpx.get(f"{router}/v1/models").json()["data"]]
        assert sorted(names) == sorted(SALTS)
        assert [told(name) for name in SALTS] == ["acme/sql base", "acme/chat base"]
        refs = {name: ModelStore(tmp_path / "home" / "models").get(name).ref for name in ("base", "tuned")}
        for name, salt in SALTS.items():
            wanted = spec(
                (0.9,), rollout_id=f"of-{name[5:]}", route=name, salt=salt, model_alias=name, audit=AUDIT,
                base=refs["base"], candidate=refs["tuned"],
            )  # fmt: skip
            answer = httpx.post(f"{control}/rollouts", json=wanted.model_dump(mode="json"))
            assert answer.status_code == 201, answer.text
        until(lambda: [told(name) for name in SALTS] == ["acme/sql tuned", "acme/chat tuned"])
        belay("rollout", "rollback", "of-sql", "--by", "a test", "--reason", "to see the other one go on")
        until(lambda: told("acme/sql") == "acme/sql base")
        assert told("acme/chat") == "acme/chat tuned"
        assert told("any other") == "own", "what names no route is the file's own"
        steps = {step["name"]: step for step in json.loads(belay("status", "--json"))["steps"]}
        assert steps["route acme/sql"]["told"].startswith("of-sql rolled_back at 0%; base ")
        assert steps["route acme/chat"]["told"].startswith("of-chat ramping at 90%; base ")
        assert steps["route acme/chat"]["waits_for"] == ""
        assert "scores weighed" in steps["decision acme/chat"]["told"]
    children = (tmp_path / "home" / "runs" / "route-shop" / "logs").glob("*.log")
    assert {file.stem for file in children} == {"broker", "control", "router", "forwarder", "worker", "tansu"}
