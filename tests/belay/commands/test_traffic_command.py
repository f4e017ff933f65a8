"""`belay traffic`: to the router of belay.yaml, so many requests, and none once the rollout was taken back."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from belay.launcher.traffic import INTERACTION, ReplayClient, send_traffic, turns_for
from belay.launcher.turns import Truth, Turn
from belay.project import Project, load_project
from evaluator.watch.reporting.against_truth import Known
from telemetry.errors import EngineFailed, InfrastructureError, UsageError
from telemetry.events import Message
from tests.conftest import a_free_port
from tests.places import BRIEF


@dataclass
class Router:
    """What stands in for the router: it fails the first `refused`, and is rolled back after `lasts` requests."""

    port: int = 0
    refused: int = 0
    lasts: int | None = None
    began: str = "ramping"
    tells: bool = True
    asked: list[dict[str, Any]] = field(default_factory=list)

    def status(self) -> str:
        over = self.lasts is not None and len(self.asked) >= self.lasts
        return "rolled_back" if over else self.began


@pytest.fixture
def router() -> Iterator[Router]:
    state = Router()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(200, json.dumps({"rollout": state.status()}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            state.asked.append(body)
            if state.lasts is not None:
                time.sleep(0.02)
            if len(state.asked) <= state.refused:
                self._say(500, b'{"error": {"message": "no engine"}}')
            elif body.get("stream"):
                parts = [
                    json.dumps({"choices": [{"index": 0, "delta": {"content": c}}]}) for c in ("y", "es")
                ]
                text = "".join(f"data: {part}\n\n" for part in [*parts, "[DONE]"])
                self._say(200, text.encode(), "text/event-stream")
            else:
                message = {"role": "assistant", "content": "yes"}
                answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
                self._say(200, json.dumps({"id": "1", "object": "chat.completion", **answer}).encode())

        def _say(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            if state.tells and self.command == "POST":
                self.send_header(INTERACTION, f"interaction-{self.headers['x-session-id']}")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    state.port = server.server_port
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def project(folder: Path, port: int, brief: Path = BRIEF) -> Project:
    path = folder / "belay.yaml"
    path.write_text(
        yaml.safe_dump({"route": "shop", "base": "b", "brief": str(brief), "ports": {"router": port}})
    )
    return load_project(path)


def send(found: Project, count: int = 20, prompts: Path | None = None) -> tuple[int, int, str]:
    console = Console(record=True, width=200, file=None, quiet=False)
    with console.capture() as said:
        turns = turns_for(found, prompts, count=count, seed=7)
        counted = send_traffic(found, turns, at_once=4, console=console)
    return counted.answered, counted.failed, said.get()


def test_so_many_prompts_of_the_brief_go_to_the_route(router: Router, tmp_path: Path) -> None:
    answered, failed, said = send(project(tmp_path, router.port))
    assert (answered, failed) == (20, 0)
    assert "20 of 20 answered, 0 failed" in said
    assert {body["model"] for body in router.asked} == {"shop"}
    assert len(router.asked) == 20


def test_a_file_of_prompts_is_sent_as_it_stands(router: Router, tmp_path: Path) -> None:
    opened = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"})
    talks = [[*opened, {"role": "user", "content": f"Question {number}"}] for number in range(5)]
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(f"{json.dumps({'messages': talk, 'max_tokens': 7})}\n" for talk in talks))
    answered, failed, _ = send(project(tmp_path, router.port), prompts=prompts)
    assert (answered, failed) == (5, 0)
    assert sorted(body["messages"][-1]["content"] for body in router.asked) == [
        talk[-1]["content"] for talk in talks
    ]
    assert all(len(body["messages"]) == 3 and body["max_tokens"] == 7 for body in router.asked)


def replayed(router: Router, *turns: Turn) -> ReplayClient:
    client = ReplayClient(f"http://127.0.0.1:{router.port}", "shop", turns, 1)
    client.start()
    while not client.finished:
        time.sleep(0.01)
    return client


def turn(subject: str, truth: Truth | None, *, streamed: bool = False) -> Turn:
    return Turn(subject, (Message(role="user", content="Is it?"),), 8, streamed, truth)


@pytest.mark.parametrize("streamed", [False, True])
def test_the_client_knows_the_truth_of_its_own_answers(router: Router, streamed: bool) -> None:
    turns = (
        turn("right", Truth("facts", "contains_answer", "yes"), streamed=streamed),
        turn("wrong", Truth("facts", "contains_answer", "no"), streamed=streamed),
        turn("stranger", Truth(None), streamed=streamed),
        turn("nobody knows", None, streamed=streamed),
    )
    found = replayed(router, *turns).known()
    assert found == [
        Known("interaction-right", "facts", 1.0),
        Known("interaction-wrong", "facts", 0.0),
        Known("interaction-stranger", None, None),
    ]
    assert not any("truth" in body or "reference" in body for body in router.asked)


def test_where_the_router_names_no_interaction_nothing_is_known(router: Router) -> None:
    router.tells = False
    client = replayed(router, turn("right", Truth("facts", "contains_answer", "yes")))
    assert client.count.answered == 1
    assert client.known() == []


def test_no_more_are_sent_once_the_rollout_is_taken_back(router: Router, tmp_path: Path) -> None:
    router.lasts = 30
    answered, failed, said = send(project(tmp_path, router.port), count=5000)
    assert 30 <= answered < 2000
    assert failed == 0
    assert "the rollout is rolled back, so no more were sent" in said


def test_a_rollout_that_had_ended_before_stops_nothing(router: Router, tmp_path: Path) -> None:
    router.began = "rolled_back"
    assert send(project(tmp_path, router.port))[:2] == (20, 0)


def test_requests_that_fail_are_counted_and_told(router: Router, tmp_path: Path) -> None:
    router.refused = 3
    answered, failed, said = send(project(tmp_path, router.port))
    assert (answered, failed) == (17, 3)
    assert "no engine" in said


def test_where_nothing_is_answered_it_is_an_error(router: Router, tmp_path: Path) -> None:
    router.refused = 100
    with pytest.raises(EngineFailed, match="none of 20 requests was answered"):
        send(project(tmp_path, router.port))


def test_where_no_router_answers_nothing_is_sent(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="no router answers"):
        send(project(tmp_path, a_free_port()))


def test_a_brief_without_traffic_is_told(router: Router, tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text('{"id": "1", "prompt": "What is it?", "reference": "x"}\n')
    (tmp_path / "train.jsonl").write_text("")
    capability = {
        "name": "one", "role": "target", "why": "w", "share": 1.0, "at_5_percent_loss": "a", "threshold": 0.1,
        "at_15_percent_loss": "b", "items": "items.jsonl", "exemplars": ["What else?"],
        "judge": {"verifier": "contains_answer"}, "max_tokens": 8,
    }  # fmt: skip
    brief = tmp_path / "brief.yaml"
    brief.write_text(
        yaml.safe_dump(
            {"name": "n", "version": "1", "owner": "o", "summary": "s", "training": "train.jsonl"}
            | {"capabilities": [capability]}
        )
    )
    with pytest.raises(UsageError, match="no item with split 'traffic' of one"):
        send(project(tmp_path, router.port, brief))
    assert router.asked == []
