"""Shadows follow the evidence through the real processes: worker, broker, control, rollout file, router, and back."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from belay.home import RunFolder
from belay.launcher.processes import StackSettings
from belay.launcher.stack import OnlineStack
from belay.launcher.supervisor import Supervisor
from belay.launcher.traffic import ReplayClient
from belay.launcher.turns import plan_traffic
from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.watch.evidence.decide import HOLD_EVERY
from evaluator.watch.worker.replay import collect_proof, replay
from serving.engines.arms import Endpoint
from telemetry import codec, topics
from telemetry.bus.catching_up import read_to_end
from telemetry.events import (
    AuditRef,
    CapabilityWatch,
    DecisionMade,
    InteractionRecorded,
    ModelRef,
    RolloutSpec,
    ShadowAnswered,
    Stage,
)
from telemetry.reading import Unreadable
from telemetry.rollout_file import read_rollout
from tests.places import BRIEF

pytestmark = pytest.mark.slow

REQUESTS = 2 * HOLD_EVERY


class Engine(BaseHTTPRequestHandler):
    """Answers every chat alike, so that both arms are the same and nothing is rolled back."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        message = {"role": "assistant", "content": "I cannot say."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = json.dumps(
            {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        )
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def engine() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def rollout_of(loaded: LoadedBrief) -> RolloutSpec:
    """Half of the subjects for as long as it lasts, one in five interactions shadowed."""
    capabilities = loaded.brief.capabilities
    return RolloutSpec(
        rollout_id="allotment",
        model_alias="support",
        base=ModelRef(name="base", sha256="b" * 64),
        candidate=ModelRef(name="mine", sha256="c" * 64),
        salt="pepper",
        capabilities=tuple(
            CapabilityWatch(name=c.name, role=c.role, threshold=c.threshold, weight=1.0 / len(capabilities))
            for c in capabilities
        ),
        stages=(Stage(share=0.5),),
        advance="manual",
        shadow=0.2,
        brief_sha256=loaded.sha256,
        audit=AuditRef(verdict="pass", sha256="e" * 64),
    )


def test_a_hold_moves_the_routers_shadows_to_where_they_are_needed(
    own_broker: str, engine: str, tmp_path: Path
) -> None:
    loaded = load_brief(BRIEF)
    turns = [dataclasses.replace(t, streamed=False) for t in plan_traffic(loaded, REQUESTS, 5, max_turns=1)]
    folder = RunFolder(tmp_path / "run")
    settings = StackSettings(
        brief=BRIEF,
        control=Endpoint(arm="control", url=engine),
        candidate=Endpoint(arm="candidate", url=engine),
        bootstrap=own_broker,
        folder=folder,
    )
    with Supervisor(folder.logs) as children, closing(OnlineStack(settings, children)) as stack:
        stack.start()
        stack.start_rollout(rollout_of(loaded))
        assert status_of(stack)["shadow_draw"] in (
            "evenly: the rollout has no allotment yet",
            f"evenly: no word table (no file at {folder.word_table})",
        )
        client = ReplayClient(stack.router_url, "support", turns, concurrency=8)
        client.start()
        children.wait_until(lambda: stack.view().settled >= REQUESTS, "every score", 120.0)
        children.wait_until(
            lambda: status_of(stack)["shadow_draw"] == "by capability", "shadows by capability", 20.0
        )
        client.stop()
        assert client.count.failed == 0, client.count.errors
        allotted = status_of(stack)["shadow_fractions"]
        state = read_rollout(folder.rollout_file)
        holds, draws, answered = recorded(stack, "allotment")
        assert state is not None
        assert state.allotment is not None
        assert allotted == state.allotment.by_capability == holds[-1].allotment.by_capability
        shares = {c.name: c.share for c in loaded.brief.capabilities}
        rarest, commonest = min(shares, key=shares.get), max(shares, key=shares.get)
        assert allotted[rarest] > 2 * allotted[commonest]
        assert {i.event_id for i in draws if i.draw.drawn} == answered
        # Which of them come up depends on how many requests were left when the first hold came.
        assert len({i.draw.capability for i in draws}) > len(shares) / 2
        assert replay(collect_proof(stack.bus, holds[-1].event_id, Unreadable())).same


def status_of(stack: OnlineStack) -> dict[str, object]:
    found: dict[str, object] = httpx.get(f"{stack.status_url}/belay/status", timeout=10).json()
    return found


def recorded(
    stack: OnlineStack, rollout: str
) -> tuple[list[DecisionMade], list[InteractionRecorded], set[str]]:
    """The rollout's holds in Kafka, its interactions that had a chance of a shadow, and those whose shadow answered."""
    holds: list[DecisionMade] = []
    draws: list[InteractionRecorded] = []
    answered: set[str] = set()
    with stack.bus.reader([topics.DECISIONS, topics.INTERACTIONS]) as reader:
        for record in read_to_end(reader):
            event = codec.decode(record)
            if isinstance(event, DecisionMade) and event.rollout_id == rollout and event.action == "hold":
                holds.append(event)
            if isinstance(event, InteractionRecorded) and event.rollout_id == rollout and event.draw:
                draws.append(event)
            if isinstance(event, ShadowAnswered) and event.rollout_id == rollout:
                answered.add(event.interaction_id)
    return holds, draws, answered
