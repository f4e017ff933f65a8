"""What watching costs beside a bare consumer, and whether a slow judge holds up reading: a real broker, our own judges.

The broker is Apache Kafka where `BELAY_KAFKA_LOCAL` names a starter of one, else the embedded one; the note says which.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from _scores import rollout
from _shape import Figure, Result, say

from _watch.world import SHOP
from belay.launcher.embedded_broker import EmbeddedBroker
from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.judge.judges.case import Case
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.means import Means
from evaluator.judge.tagging.tagger import Tagger
from evaluator.verifiers import Judgement
from evaluator.watch.worker.decider import Decider
from evaluator.watch.worker.garbage import seldom_collected
from evaluator.watch.worker.scoring import Scorer
from serving.server import free_port
from telemetry import codec, topics
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.bus.protocols import Bus
from telemetry.events import (
    Answer,
    Assignment,
    InteractionRecorded,
    Message,
    RolloutChanged,
    now,
)

THINKS_S = 3.0
AT_ONCE = 3
"""So many judgements of three seconds at a time are one a second."""
RATE = 200
SILENCE_S = 3.0


def costs(result: Result) -> None:
    """The figures `watch_vs_bare_consumer` and `slow_judge_lag`."""
    loaded = load_brief(SHOP / "brief.yaml")
    with _broker() as (name, bus):
        bus.ensure_topics()
        _throughput(result, name, bus, loaded)
    with _broker() as (name, bus):
        bus.ensure_topics()
        _slow(result, name, bus, loaded)


def _throughput(result: Result, name: str, bus: Bus, loaded: LoadedBrief) -> None:
    count = 4_000 if result.quick else 20_000
    _announce(bus, loaded)
    _send(bus, list(_interactions(loaded, count)))
    bare = _drained(bus, count)
    tagger, judge = Tagger.fit(loaded), Judge(loaded)
    scorer, decider = Scorer(bus, tagger, judge), Decider(bus)
    decider.restore()
    began = time.process_time()
    with seldom_collected():  # as a worker works
        _watched(scorer, decider, count)
    ours = count / (time.process_time() - began)
    scorer.close()
    decider.close()
    result.add(
        Figure(
            "watch_vs_bare_consumer", ours / bare, "ratio", ours, bare, 0.3, "higher",
            f"interactions per CPU second through consume, tag, judge and fold, beside polling them alone; {count:,} "
            f"of the brief's items, {name}",
        )
    )  # fmt: skip


def _watched(scorer: Scorer, decider: Decider, count: int) -> None:
    while scorer.counts.interactions < count or scorer.waiting:
        scorer.step(0.2)
    settled, quiet = 0, time.monotonic() + SILENCE_S
    while settled < count and time.monotonic() < quiet:
        if decider.step(0.2):
            settled = sum(tracked.evidence.settled for tracked in decider.rollouts.values())
            quiet = time.monotonic() + SILENCE_S


def _slow(result: Result, name: str, bus: Bus, loaded: LoadedBrief) -> None:
    seconds = 15 if result.quick else 300
    sent = threading.Event()
    interactions = list(_interactions(loaded, RATE * seconds))

    def send() -> None:
        with bus.publisher() as publisher:
            for second in range(seconds):
                due = time.monotonic() + 1.0
                for one in interactions[second * RATE : (second + 1) * RATE]:
                    publisher.send(codec.encode(one))
                publisher.flush()
                time.sleep(max(0.0, due - time.monotonic()))
        sent.set()

    scorer = Scorer(bus, Tagger.fit(loaded), _Slow(), at_once=AT_ONCE, waiting=30)
    scorer.step(SILENCE_S)
    threading.Thread(target=send, daemon=True).start()
    began, longest, last = time.monotonic(), 0.0, time.monotonic()
    while not sent.is_set():
        scorer.step(0.05)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    behind = RATE * seconds - scorer.counts.interactions
    say(f"{scorer.counts} after {time.monotonic() - began:.0f} s")
    scorer.close()
    result.add(
        Figure(
            "slow_judge_lag", behind / RATE, "s", behind, None, 1.0, "lower",
            f"seconds of traffic unread when the last of {RATE} a second for {seconds} s was sent; a judge of "
            f"{THINKS_S:g} s, {AT_ONCE} at a time; longest between two polls {longest:.2f} s, so the group never "
            f"rebalances; {name}",
        )
    )  # fmt: skip


class _Slow:
    """A judge that takes its time over every interaction."""

    version = "slow"

    def means(self, capability: str, prompt: str, *, paired: bool, interaction: str) -> Means:  # noqa: ARG002
        return Means("endpoint")

    def judge_case(self, case: Case, means: Means) -> Judgement:  # noqa: ARG002 - a judge's shape
        time.sleep(THINKS_S)
        return Judgement(1.0, "took its time", basis="model")

    def judge_pair(self, control: Case, candidate: Case, means: Means) -> tuple[Judgement, Judgement]:
        return self.judge_case(control, means), self.judge_case(candidate, means)


def _drained(bus: Bus, count: int) -> float:
    """Records per CPU second of a consumer that does nothing else."""
    with bus.reader([topics.INTERACTIONS]) as reader:
        began, found = time.process_time(), 0
        while found < count:
            found += len(reader.poll(1.0))
        return count / (time.process_time() - began)


def _announce(bus: Bus, loaded: LoadedBrief) -> None:
    spec = rollout({c.name: 0.1 for c in loaded.brief.capabilities})
    changed = RolloutChanged(
        source="bench",
        spec=spec,
        revision=1,
        status="ramping",
        stage=0,
        share=0.5,
        since=now(),
        actor="b",
        reason="b",
    )
    with bus.publisher() as publisher:
        publisher.send(codec.encode(changed))
        publisher.flush()


def _send(bus: Bus, interactions: Sequence[InteractionRecorded]) -> None:
    with bus.publisher() as publisher:
        for one in interactions:
            publisher.send(codec.encode(one))
        publisher.flush(60.0)


def _interactions(loaded: LoadedBrief, count: int) -> Iterator[InteractionRecorded]:
    prompts = [item.prompt for items in loaded.items.values() for item in items]
    for n in range(count):
        arm = "candidate" if n % 2 else "control"
        yield InteractionRecorded(
            event_id=f"bench-{n}",
            source="bench",
            rollout_id="bench",
            assignment=Assignment(
                subject=f"s{n}", subject_source="session", arm=arm, share=0.5, stage=0, revision=1
            ),
            endpoint="chat",
            model="m",
            streamed=False,
            text_policy="full",
            messages=(Message(role="user", content=prompts[n % len(prompts)]),),
            answer=Answer(
                served_by=arm, status=200, text="It is Paris, I think.", finish_reason="stop", total_ms=12.0
            ),
        )


@contextmanager
def _broker() -> Iterator[tuple[str, Bus]]:
    starter = os.environ.get("BELAY_KAFKA_LOCAL")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = BusSettings(bootstrap_servers=f"127.0.0.1:{port}")
        if starter:
            kafka = [sys.executable, starter, "start", folder, "--port", str(port)]
            subprocess.run(kafka, check=True, stdout=subprocess.DEVNULL)
            try:
                yield "Apache Kafka", KafkaBus(settings)
            finally:
                subprocess.run(
                    [sys.executable, starter, "stop", folder], check=False, stdout=subprocess.DEVNULL
                )
        else:
            with EmbeddedBroker(port, Path(folder) / "broker.log"):
                yield "the embedded broker", KafkaBus(settings)
