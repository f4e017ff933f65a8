"""Workers side by side over one backlog: what 1, 2 and 4 of them score by the clock, and in CPU an interaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from _shape import say

from _scale.cpu import cpu_s
from _scale.stages import send
from belay.home import RunFolder
from belay.launcher.processes import Process
from evaluator.watch.worker.portion import GROUP
from telemetry import codec, topics
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.bus.protocols import Encoded
from telemetry.score_batches import scores_of
from tests.drills.brokers import own_namespace
from tests.drills.parts import Parts

_JOIN_S: Final = 120.0
_SCORE_S: Final = 300.0


@dataclass(frozen=True)
class Drained:
    """So many workers over one backlog: interactions a second by the clock, CPU seconds for each."""

    workers: int
    rate: float
    each_s: float


def drained(
    count: int, settings: dict[str, Any], brief: Path, folder: Path, interactions: Sequence[Encoded],
    rollouts: Sequence[Encoded],
) -> Drained:  # fmt: skip
    """Have `count` workers join, then give them the backlog; the time is from its first record to the last score."""
    named = {**settings, "namespace": own_namespace(f"scale-{count}")}
    bus = KafkaBus(BusSettings.model_validate(named))
    bus.ensure_topics()
    send(bus, rollouts)
    run = RunFolder(folder / f"workers-{count}")
    run.root.mkdir(parents=True)
    with Parts(run.logs) as parts:
        names = [f"worker-{number}" for number in range(count)]
        for name in names:
            status = str(run.root / f"{name}.json")
            content = {"bus": named, "worker": {"brief": str(brief), "status_file": status}}
            parts.add(name, "tests.drills.launch", Process(name, "watch", content).written(run))
        _wait(lambda: _members(bus) == count, _JOIN_S, f"{count} workers join")
        pids = [pid for name in names if (pid := parts.pid(name)) is not None]
        before = sum(map(cpu_s, pids))
        began_ms = time.time() * 1e3
        send(bus, interactions)
        last_ms = _all_scored(bus, len(interactions))
        used = sum(map(cpu_s, pids)) - before
    found = Drained(count, 1e3 * len(interactions) / (last_ms - began_ms), used / len(interactions))
    say(
        f"  {count} workers: {found.rate:,.0f} a second by the clock, {1e6 * found.each_s:.0f} us of CPU each"
    )
    return found


def _members(bus: KafkaBus) -> int:
    """Workers that have partitions."""
    group = f"{bus.settings.namespace}.{GROUP}"
    with bus.admin("looking at the group of scorers") as admin:
        told = admin.describe_groups([group])[group]
    members = told["members"] if told["group_state"] == "Stable" else []
    return sum(bool(member["member_assignment"]) for member in members)


def _all_scored(bus: KafkaBus, count: int) -> float:
    """When the last score was written (ms since the epoch)."""
    found, last_ms, deadline = 0, 0.0, time.monotonic() + _SCORE_S
    with bus.reader([topics.SCORES]) as reader:
        while found < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{found:,} of {count:,} scored within {_SCORE_S:g} s")
            for record in reader.poll(0.5):
                found += len(scores_of(codec.decode(record)))
                last_ms = max(last_ms, float(record.timestamp_ms))
    return last_ms


def _wait(until: Callable[[], bool], timeout_s: float, told: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not until():
        if time.monotonic() > deadline:
            raise TimeoutError(f"within {timeout_s:g} s it was not so that {told}")
        time.sleep(0.2)
