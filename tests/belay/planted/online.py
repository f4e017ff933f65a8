"""The online path in one process, given secrets wherever somebody could give them, and failing on purpose."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import httpx
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, generate_latest

from evaluator.judge.judges.client import JudgeClient
from evaluator.judge.judges.judge import Judge
from evaluator.watch.worker.decider import Decider
from evaluator.watch.worker.scoring import Scorer
from evaluator.watch.worker.status import worker_status, write_status
from router.control.actor import Control
from router.control.api import create_app
from router.control.audit_log import AuditLog
from router.control.board.board import Board
from router.control.gate import Gate
from router.control.loop import control_loop
from router.control.metrics import ControlMetrics
from router.control.settings import AccessSettings
from router.control.tokens import add_token
from router.proxy.keys.key_file import add_key
from telemetry import topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.events import Message, TextPolicy
from telemetry.forwarding.forwarder import Forwarder, ForwardSettings
from telemetry.forwarding.metrics import ForwarderMetrics
from telemetry.spool.reader import SpoolReader
from telemetry.spool.writer import Spool
from tests.belay.planted.hidden import Hidden, in_files
from tests.evaluator.support.briefs import brief
from tests.evaluator.watch.worker.test_scoring import FirstWord
from tests.router.proxy.fakes import CHAT, Asked, FakeEngine, Router, reply, running
from tests.router.values import spec

Left = dict[str, bytes]
"""What was left, by where."""


async def tells_what_it_got(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """An engine that refuses every third request and repeats the key that it was given, in words of its own."""
    given = asked.headers.get("authorization", "")
    if asked.method == "POST" and len(asked.body) % 3 == 0:
        told = {"error": {"message": f"Incorrect API key provided: {given.split(' ')[-1]}. Got {given}"}}
        writer.write(reply(401, json.dumps(told).encode(), "content-type: application/json"))
        return
    text = f"It is right0. You sent {given.split(' ')[-1]}, whatever that is, and {given}"
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    writer.write(reply(200, json.dumps(body).encode(), "content-type: application/json"))


def request(hidden: Hidden, texts: list[str], model: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Headers and body of a request that has a secret in every place where a client may put one."""
    headers = {
        "cookie": f"sid={hidden.new('a cookie')}",
        "x-session-id": hidden.new("the session header"),
        "x-end-user-id": hidden.new("the end user's header"),
        "x-request-id": f"sk-{hidden.new('the id of a request')}",
    }
    body = {
        "model": model,
        "user": hidden.new("user"),
        "metadata": {"mail": hidden.new("metadata")},
        "safety_identifier": hidden.new("safety_identifier"),
        "prompt_cache_key": hidden.new("prompt_cache_key"),
        "messages": [
            {"role": "system", "content": texts[0]},
            {"role": "user", "content": [{"type": "text", "text": f"facts {texts[1]}"}]},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": texts[2]}}],
        "stop": [texts[3]],
    }
    return headers, body


async def ask(router: Router, hidden: Hidden, keys: list[str], policy: TextPolicy) -> None:
    """Requests with a key each, and as many with a wrong one."""
    async with httpx.AsyncClient(base_url=router.url, timeout=10) as http:
        for key in keys:
            if policy == "hashed":
                texts = [hidden.words(f"a prompt, {policy}") for _ in range(4)]
            else:
                texts = hidden.texts(f"a prompt, {policy}", 4)
            model = f"m-sk-{hidden.new('the name of a model', 24)}" if policy == "redacted" else "m"
            headers, body = request(hidden, texts, model)
            await http.post(CHAT, json=body, headers=headers | {"authorization": f"Bearer {key}"})
            wrong = {"authorization": f"Bearer {hidden.new('a wrong key')}"}
            assert (await http.post(CHAT, json=body, headers=headers | wrong)).status_code == 401


async def serve(folder: Path, hidden: Hidden, policy: TextPolicy, left: Left) -> None:
    """A router with keys before two engines that want keys, of which the candidate is gone at the end."""
    keys = [hidden.plant(add_key(folder / "keys.yaml", f"c{n}"), "a client's key") for n in range(12)]
    async with FakeEngine(tells_what_it_got) as base, FakeEngine(tells_what_it_got) as candidate:
        names = {f"{arm}_key_env": f"PLANTED_{arm.upper()}" for arm in ("control", "candidate")}
        async with running(
            folder, base.url, candidate.url, keys_file=folder / "keys.yaml", **names
        ) as router:
            await ask(router, hidden, keys[:8], policy)
            await candidate.stop()
            await ask(router, hidden, keys[8:], policy)
            for path in ("/belay/status", "/metrics"):
                left[f"{policy} router {path}"] = (await router.own.get(path)).content


def forward(folder: Path, bus: MemoryBus, policy: TextPolicy, hidden: Hidden, left: Left) -> None:
    """What the router spooled, to the bus; one record of it is broken. Then a segment later, as after a while."""
    spool = folder / "spool"
    with Spool(spool, 1 << 20) as writer:
        writer.append(f"no record at all, password: {hidden.new('a broken record', 12)}7".encode())
    settings = ForwardSettings(spool_folder=spool, text_policy=policy, status_file=folder / "forwarder.json")
    with SpoolReader(spool) as reader:
        forwarder = Forwarder(settings, bus, reader, threading.Event())
        while forwarder.step():
            pass
        Spool(spool, 1 << 20).close()
        while forwarder.step():
            pass
        forwarder.tell(at_once=True)
        registry = CollectorRegistry()
        registry.register(ForwarderMetrics(forwarder.status, forwarder.counts))
        left[f"{policy} forwarder /metrics"] = generate_latest(registry)
        assert forwarder.status.dead == 1
        forwarder.close()


def judge(folder: Path, bus: MemoryBus) -> None:
    """Score and decide, and write the worker's status."""
    judging = Judge(brief())
    scorer, decider = Scorer(bus, FirstWord(), judging), Decider(bus)
    while scorer.step(0.0):
        pass
    decider.restore()
    while decider.step(0.0):
        pass
    status = worker_status(judging.version, "first-word", scorer.counts, decider)
    write_status(folder / "worker.json", status)
    scorer.close()
    decider.close()


async def asked_of_a_judge(url: str, left: Left) -> None:
    """What is said of a judge that refuses, and repeats its key."""
    client = JudgeClient(url, "grader", api_key_env="PLANTED_JUDGE", attempts=1)
    for number in range(6):
        message = Message(role="user", content="x" * number)
        left[f"judge {number}"] = repr(await asyncio.to_thread(client.ask, [message], 5)).encode()


def govern(folder: Path, bus: MemoryBus, hidden: Hidden, left: Left) -> None:
    """Control with its gate, board and metrics: asked for all that there is, and by strangers."""
    control, audit = (
        Control(folder / "rollout.json", folder / "control.jsonl"),
        AuditLog(folder / "audit.jsonl"),
    )
    control.followers.append(audit.changed)
    tokens = folder / "tokens.yaml"
    token = hidden.plant(add_token(tokens, "ada", "admin"), "a token of control's")
    board = Board(control, bus, folder)
    gate = Gate(
        AccessSettings(tokens=tokens), lambda who, what, error: audit.refused(who, what, error.message)
    )
    client = TestClient(
        gate.before(create_app(control, (), None, audit, board)), base_url="http://127.0.0.1:8090"
    )
    signed = {"authorization": f"Bearer {token}"}
    assert client.post("/rollouts", json=spec().model_dump(mode="json"), headers=signed).status_code == 201
    for number in range(12):
        wrong = {"authorization": f"Bearer {hidden.new('a wrong token')}"}
        basic = ("ada", hidden.new("a wrong password"))
        where = f"/rollouts/r1/rollback?token={number}"
        left[f"refused {number}"] = client.post(where, json={"reason": "x"}, headers=wrong).content
        left[f"refused basic {number}"] = client.post(where, json={"reason": "x"}, auth=basic).content
    published(control, bus, audit)
    for path in (
        "/healthz",
        "/rollouts",
        "/rollouts/current",
        "/history",
        "/api/overview",
        "/api/rollouts/r1",
        "/",
    ):
        left[f"control {path}"] = client.get(path, headers=signed).content
    registry = CollectorRegistry()
    registry.register(ControlMetrics(control, ()))
    left["control /metrics"] = generate_latest(registry)


def published(control: Control, bus: MemoryBus, audit: AuditLog) -> None:
    """Wait until control has told the topics all that it has to tell."""
    stop = threading.Event()
    loop = threading.Thread(target=control_loop, args=(control, bus, stop, None, audit))
    loop.start()
    wanted = len(audit.lines())
    with bus.changed:
        told = bus.changed.wait_for(lambda: len(bus.logs[topics.AUDIT_LOG, 0]) >= wanted, timeout=10)
    stop.set()
    loop.join()
    assert told


def left_in(folder: Path) -> Left:
    """Every file that was left."""
    return {f"file {name}": content for name, content in in_files(folder)}
