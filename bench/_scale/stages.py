"""Scorer and decider apart, in this process, over the interactions that a run has left: what one of them costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from evaluator.briefs.brief import load_brief
from evaluator.judge.judges.judge import Judge
from evaluator.judge.tagging.tagger import Tagger
from evaluator.watch.worker.decider import Decider
from evaluator.watch.worker.scoring import Scorer
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.kafka_bus import KafkaBus
from telemetry.bus.protocols import Encoded, Record

CHUNK = 100
"""Interactions of one recorded service time: below a hundred a single pause of the collector is most of it."""
_QUIET_S = 20.0

Times = tuple[float, ...]


def left_behind(bus: KafkaBus, topic: str) -> list[Encoded]:
    """All records of a topic, as they would be written again."""
    with bus.reader([topic]) as reader:
        return [again(record) for record in read_to_end(reader)]


def again(record: Record) -> Encoded:
    """A record as it would be written again."""
    return Encoded(record.topic, record.key or b"", record.headers, record.value)


def send(bus: KafkaBus, records: Sequence[Encoded]) -> None:
    """Write records, and wait until they are acknowledged."""
    with bus.publisher() as publisher:
        for record in records:
            publisher.send(record)
        publisher.flush(60.0)


def watch_stages(
    bus: KafkaBus, brief: Path, rollouts: Sequence[Encoded], interactions: Sequence[Encoded]
) -> dict[str, Times]:
    """CPU seconds an interaction of scorer and decider, chunk by chunk; `bus` has a namespace that nobody used."""
    bus.ensure_topics()
    send(bus, rollouts)
    send(bus, interactions)
    loaded = load_brief(brief)
    scorer = Scorer(bus, Tagger.fit(loaded), Judge(loaded))
    scored = _timed(lambda: scorer.step(0.2), lambda: scorer.counts.interactions, len(interactions))
    while scorer.waiting and scorer.step(0.2):
        continue
    scorer.close()
    decider = Decider(bus)
    decider.restore()
    decided = _timed(
        lambda: decider.step(0.2),
        lambda: sum(tracked.evidence.settled for tracked in decider.rollouts.values()),
        len(interactions),
    )
    decider.close()
    return {"scorer": scored, "decider": decided}


def _timed(step: Callable[[], object], count: Callable[[], int], upto: int) -> Times:
    """CPU seconds for each of the things that steps do, a value for each chunk of them."""
    found: list[float] = []
    done, cpu, quiet = count(), time.process_time(), time.monotonic() + _QUIET_S
    while count() < upto and time.monotonic() < quiet:
        step()
        fresh = count() - done
        if fresh:
            quiet = time.monotonic() + _QUIET_S
        if fresh >= CHUNK or count() >= upto:
            used = time.process_time() - cpu
            if fresh:
                found.append(used / fresh)
            done, cpu = count(), time.process_time()
    return tuple(found)
