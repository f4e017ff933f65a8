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
from telemetry.errors import BriefError, EngineFailed, InfrastructureError, UsageError
from telemetry.events import Message
from tests.conftest import a_free_port
from tests.places import BRIEF


@dataclass
class Router:
    """What stands in for the router: it fails the first `refused`, and is rolled back after `lasts` requests."""

    port: int = 0
    own: int = 0
    refused: int = 0
    lasts: int | None = None
    began: str = "ramping"
    tells: bool = True
    only_sql: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)

    def status(self) -> str:
        over = self.lasts is not None and len(self.asked) >= self.lasts
        return "rolled_back" if over else self.began


@pytest.fixture
def router() -> Iterator[Router]:
    state = Router()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.server.server_port != state.own:  # type: ignore[attr-defined]  # typeshed: any BaseServer
                self._say(404, b'{"error": {"message": "it says nothing of itself to clients"}}')
                return
            routes = {"sql": {"rollout": state.status()}, "default": {"rollout": "none"}}
            own = {"rollout": "none" if state.only_sql else state.status()}
            self._say(200, json.dumps({**own, "routes": routes}).encode())

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

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    state.port, state.own = (server.server_port for server in servers)
    yield state
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


def project(folder: Path, router: Router, brief: Path = BRIEF, **more: Any) -> Project:
    path = folder / "belay.yaml"
    ports = {"router": router.port, "status": router.own}
    path.write_text(
        yaml.safe_dump({"route": "shop", "base": "b", "brief": str(brief), "ports": ports, **more})
    )
    return load_project(path)


def send(
    found: Project, count: int = 20, prompts: Path | None = None, route: str | None = None
) -> tuple[int, int, str]:
    console = Console(record=True, width=200, file=None, quiet=False)
    with console.capture() as said:
        turns = turns_for(found, prompts, count=count, seed=7, route=route)
        counted = send_traffic(found, turns, at_once=4, console=console, route=route)
    return counted.answered, counted.failed, said.get()


def test_so_many_prompts_of_the_brief_go_to_the_route(router: Router, tmp_path: Path) -> None:
    answered, failed, said = send(project(tmp_path, router))
    assert (answered, failed) == (20, 0)
    assert "20 of 20 answered, 0 failed" in said
    assert {body["model"] for body in router.asked} == {"shop"}
    assert len(router.asked) == 20


def test_a_file_of_prompts_is_sent_as_it_stands(router: Router, tmp_path: Path) -> None:
    opened = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"})
    talks = [[*opened, {"role": "user", "content": f"Question {number}"}] for number in range(5)]
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(f"{json.dumps({'messages': talk, 'max_tokens': 7})}\n" for talk in talks))
    answered, failed, _ = send(project(tmp_path, router), prompts=prompts)
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
    answered, failed, said = send(project(tmp_path, router), count=5000)
    assert 30 <= answered < 2000
    assert failed == 0
    assert "the rollout is rolled back, so no more were sent" in said


def test_a_rollout_that_had_ended_before_stops_nothing(router: Router, tmp_path: Path) -> None:
    router.began = "rolled_back"
    assert send(project(tmp_path, router))[:2] == (20, 0)


def test_requests_that_fail_are_counted_and_told(router: Router, tmp_path: Path) -> None:
    router.refused = 3
    answered, failed, said = send(project(tmp_path, router))
    assert (answered, failed) == (17, 3)
    assert "no engine" in said


def test_where_nothing_is_answered_it_is_an_error(router: Router, tmp_path: Path) -> None:
    router.refused = 100
    with pytest.raises(EngineFailed, match="none of 20 requests was answered"):
        send(project(tmp_path, router))


def test_where_no_router_answers_nothing_is_sent(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="no router answers"):
        send(project(tmp_path, Router(a_free_port(), a_free_port())))


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
        send(project(tmp_path, router, brief))
    assert router.asked == []


def with_sql(folder: Path, router: Router) -> Project:
    """A project with a second route, whose brief has a name of its own."""
    route = {"base": {"url": "http://127.0.0.1:9"}, "brief": str(folder / "sql.yaml")}
    return project(folder, router, routes={"sql": route, "other": {"base": "b"}})


def test_another_route_gets_what_is_sent_and_its_own_rollout_ends_it(router: Router, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"messages": [{"role": "user", "content": "Which?"}]}\n' * 3000)
    router.lasts, router.only_sql = 30, True
    answered, _, said = send(with_sql(tmp_path, router), 3000, prompts, route="sql")
    assert {body["model"] for body in router.asked} == {"sql"}
    assert 30 <= answered < 2000
    assert "the rollout is rolled back" in said


def test_a_route_has_the_items_of_its_own_brief(router: Router, tmp_path: Path) -> None:
    with pytest.raises(BriefError, match=r"sql\.yaml"):
        turns_for(with_sql(tmp_path, router), None, count=5, seed=7, route="sql")
    assert len(turns_for(with_sql(tmp_path, router), None, count=5, seed=7, route="other")) == 5


def test_a_route_that_the_file_has_not_is_told_with_those_that_it_has(router: Router, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no route 'sq'; its routes are shop, other, sql"):
        turns_for(with_sql(tmp_path, router), None, count=5, seed=7, route="sq")


def test_a_route_that_the_router_has_not_is_told(router: Router, tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="has no route 'other'; it has sql, default"):
        send(with_sql(tmp_path, router), route="other")
    assert router.asked == []
