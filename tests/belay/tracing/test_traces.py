"""One trace from a client's request to the rollback that it brought about, told by four processes' own parts.

Router and engines over HTTP, spool on disk, spans over HTTP to a collector; the bus is lists.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from evaluator.judge.judges.judge import Judge
from evaluator.watch.worker.decider import Decider
from evaluator.watch.worker.scoring import Scorer
from router.control.actor import Control
from router.control.loop import control_loop
from router.control.tracing import ChangeTraces
from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.events import CapabilityWatch, DecisionMade, RolloutSpec
from telemetry.forwarding.forwarder import Forwarder, ForwardSettings
from telemetry.spool.reader import SpoolReader
from telemetry.tracing.export import traces_asked
from tests.evaluator.support.briefs import brief
from tests.evaluator.support.logs import records
from tests.evaluator.watch.worker.test_scoring import FirstWord
from tests.router.proxy.fakes import CHAT, Asked, FakeEngine, completion, reply, running, says, until
from tests.router.values import spec
from tests.telemetry.tracing.collector import Collector, Taken, collecting

SECRET = "which nobody else is to read"
CLIENT = "b7ad6b7169203331"
REQUESTS = 40


async def knows(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Base: right about every fact."""
    number = asked.json()["messages"][-1]["content"].split(" ")[2]
    body = json.dumps(completion(f"It is right{number}.")).encode()
    writer.write(reply(200, body, "content-type: application/json"))


def client_of(number: int) -> str:
    return f"00-{number + 1:032x}-{CLIENT}-01"


def rollout() -> RolloutSpec:
    """Half of all subjects, every request in shadow too: evidence comes quickly."""
    capabilities = (
        CapabilityWatch(name="support", role="target", threshold=0.1, weight=0.5),
        CapabilityWatch(name="facts", role="adjacent", threshold=0.1, weight=0.5),
    )
    return spec((0.5,), capabilities=capabilities, shadow=1.0)


@dataclass(frozen=True)
class Story:
    """What happened; `spans` are those of the trace that ended in the rollback."""

    spans: list[Taken]
    bus: MemoryBus
    asked: list[Asked]
    collector: Collector

    def __getitem__(self, name: str) -> Taken:
        (found,) = (taken for taken in self.spans if taken.span.name == name)
        return found


async def ask(folder: Path) -> list[Asked]:
    """Every request with a trace of its client's; what both engines were asked."""
    async with FakeEngine(knows) as base, FakeEngine(says("No.")) as candidate:
        async with (
            running(folder, base.url, candidate.url) as router,
            httpx.AsyncClient(base_url=router.url) as http,
        ):
            for number in range(REQUESTS):
                turns = [
                    {"role": "system", "content": SECRET},
                    {"role": "user", "content": f"facts question {number}"},
                ]
                body = {"model": "m", "messages": turns, "temperature": 0.5, "stop": [SECRET]}
                headers = {"x-session-id": str(number), "traceparent": client_of(number)}
                assert (await http.post(CHAT, json=body, headers=headers)).status_code == 200
            await until(lambda: len(router.shadows()) == REQUESTS)
        return [*base.asked, *candidate.asked]


def forward(folder: Path, bus: MemoryBus) -> None:
    traces = traces_asked("belay-forwarder")
    settings = ForwardSettings(spool_folder=folder / "spool", text_policy="full")
    with SpoolReader(settings.spool_folder) as reader:
        forwarder = Forwarder(settings, bus, reader, threading.Event(), traces=traces)
        while forwarder.step():
            pass
        forwarder.close()
    traces.close()


def watch(bus: MemoryBus) -> None:
    traces = traces_asked("belay-worker")
    scorer = Scorer(bus, FirstWord(), Judge(brief()), traces=traces)
    decider = Decider(bus, traces=traces)
    while scorer.step(0.0):
        pass
    decider.restore()
    while decider.step(0.0):
        pass
    scorer.close()
    decider.close()
    traces.close()


def govern(control: Control, bus: MemoryBus, until_rolled_back: bool) -> None:
    """Control's loop until the rollout is announced, or rolled back and that announced."""
    traces = traces_asked("belay-control")
    changes, stop = ChangeTraces(traces), threading.Event()
    control.followers[:] = [changes.changed]
    if not until_rolled_back:
        control.start(rollout())
    loop = threading.Thread(target=control_loop, args=(control, bus, stop, None, None, changes))
    loop.start()
    with bus.changed:
        done = bus.changed.wait_for(lambda: _told(bus) == until_rolled_back, timeout=10)
    stop.set()
    loop.join()
    traces.close()
    assert done


def _told(bus: MemoryBus) -> bool | None:
    states = [codec.decode(record) for record in bus.logs[topics.ROLLOUTS, 0]]
    return states[-1].status == "rolled_back" if states else None  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder, bus = tmp_path_factory.mktemp("traces"), MemoryBus()
    bus.ensure_topics()
    with collecting() as collector, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        control = Control(folder / "rollout.json", folder / "control.jsonl")
        govern(control, bus, until_rolled_back=False)
        asked = asyncio.run(ask(folder))
        forward(folder, bus)
        watch(bus)
        govern(control, bus, until_rolled_back=True)
        (end,) = collector.named("rollout rolled_back")
        yield Story([taken for taken in collector.spans if taken.trace == end.trace], bus, asked, collector)


def tree(spans: list[Taken], of: str) -> dict[str, object]:
    """The names of spans below one, each with its service, and what is below them."""
    return {
        f"{taken.service}: {taken.span.name}": tree(spans, taken.id)
        for taken in sorted(spans, key=lambda taken: taken.span.start_time_unix_nano)
        if taken.parent == of
    }


def test_a_trace_goes_from_the_client_to_the_rollback(told: Story) -> None:
    end: dict[str, object] = {"belay-worker: decide roll_back": {"belay-control: rollout rolled_back": {}}}
    assert tree(told.spans, CLIENT) == {
        "belay-router: POST /v1/chat/completions": {
            "belay-router: chat m": {},
            "belay-router: shadow": {"belay-forwarder: send belay.interactions": {}},
            "belay-forwarder: spool": {},
            "belay-forwarder: send belay.interactions": {
                "belay-worker: process belay.interactions": {"belay-worker: judge facts": {}, **end}
            },
        }
    }
    assert len(told.spans) == 10
    assert told.collector.paths == {"/v1/traces"}


def test_an_engines_own_span_hangs_below_that_of_its_being_asked(told: Story) -> None:
    parents = {one.headers["traceparent"] for one in told.asked}
    for name in ("chat m", "shadow"):
        assert f"00-{told[name].trace}-{told[name].id}-01" in parents


def test_the_calls_of_engines_have_the_names_of_the_conventions(told: Story) -> None:
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 1,
        "http.response.status_code": 200,
    }
    assert told["chat m"].attributes.items() >= said.items()
    assert told["chat m"].resource["service.instance.id"] == "router-7"
    assert {taken.resource["deployment.environment.name"] for taken in told.spans} == {"test"}
    assert {taken.schema for taken in told.spans} == {"https://opentelemetry.io/schemas/1.41.0"}


def test_a_pair_has_a_result_for_each_of_its_answers(told: Story) -> None:
    judge, engine, shadow = told["judge facts"], told["chat m"], told["shadow"]
    results = [said for name, said in judge.events if name == "gen_ai.evaluation.result"]
    assert {said["belay.arm"]: said["gen_ai.evaluation.score.value"] for said in results} == {
        "control": 1.0,
        "candidate": 0.0,
    }
    assert {said["gen_ai.evaluation.name"] for said in results} == {"facts"}
    assert judge.links == [engine.id, shadow.id]
    assert [said["belay.arm"] for said in results] == [
        engine.attributes["belay.arm"],
        shadow.attributes["belay.arm"],
    ]


def test_what_comes_later_in_a_trace_does_not_end_before_what_it_follows(told: Story) -> None:
    assert all(one.span.start_time_unix_nano <= one.span.end_time_unix_nano for one in told.spans)
    way = ("POST /v1/chat/completions", "spool", "process belay.interactions", "decide roll_back")
    ends = [told[name].span.end_time_unix_nano for name in (*way, "rollout rolled_back")]
    assert ends == sorted(ends)


def test_no_text_of_users_or_models_is_in_a_trace(told: Story) -> None:
    in_kafka = b"".join(record.value or b"" for record in records(told.bus, topics.INTERACTIONS))
    for text in (SECRET.encode(), b"It is right"):
        assert text in in_kafka
        assert not any(text in body for body in told.collector.bodies)


def test_a_decision_links_to_the_interactions_that_weighed_most(told: Story) -> None:
    made = [codec.decode(record) for record in records(told.bus, topics.DECISIONS)]
    (heaviest,) = (
        one.proof.heaviest for one in made if isinstance(one, DecisionMade) and one.action == "roll_back"
    )
    routers = {taken.id: taken for taken in told.collector.named("POST /v1/chat/completions")}
    linked = [routers[link].attributes["belay.interaction.id"] for link in told["decide roll_back"].links]
    assert linked == list(heaviest)


def test_records_in_kafka_say_which_span_they_go_on_from(told: Story) -> None:
    every = {(taken.trace, taken.id) for taken in told.collector.spans}
    for topic in (topics.INTERACTIONS, topics.DECISIONS, topics.ROLLOUTS):
        said = [codec.trace_in(record) for record in records(told.bus, topic)]
        assert said
        assert all(one is not None and (one.trace_id, one.span_id) in every for one in said)
