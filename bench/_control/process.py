"""A control with many rollouts behind its page, in a process of its own: its CPU is nobody else's.

    python -m _control.process FOLDER ROLLOUTS

It prints the page's address, then answers lines: `report N` publishes a report that says N scores, and prints when
(epoch ms); `cpu` prints the seconds of CPU since the start; an empty line ends it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from _control.served import publish, under_way
from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.events import Event, RolloutChanged, WatchReported, now

BEHIND = 1_000_000


def main() -> None:
    folder, rollouts = Path(sys.argv[1]), int(sys.argv[2])
    served, _ = under_way(folder)
    assert served.bus is not None  # noqa: S101 - under_way() gave it one
    told = list(_told(served.bus))
    publish(served.bus, _many(told, rollouts))
    last = [event for event in told if isinstance(event, WatchReported)][-1]
    with served:
        while served.board is None or served.board.overview().source.state != "live":
            time.sleep(0.05)
        _say(served.url)
        for line in sys.stdin:
            word, _, count = line.strip().partition(" ")
            if word == "report":
                at = time.time() * 1000
                publish(served.bus, [last.model_copy(update={"time": now(), "settled": int(count)})])
                _say(f"{at}")
            elif word == "cpu":
                _say(f"{time.process_time()}")
            else:
                break


def _told(bus: MemoryBus) -> Iterator[Event]:
    for topic in (topics.ROLLOUTS, topics.WATCH):
        for record in bus.logs[topic, 0]:
            yield codec.decode(record)


def _many(told: list[Event], rollouts: int) -> Iterator[Event]:
    """The same rollout under other names, each with a million scores and a path as long as a path gets."""
    reports = [event for event in told if isinstance(event, WatchReported)]
    states = [event for event in told if isinstance(event, RolloutChanged)]
    for number in range(1, rollouts):
        name = f"rollout-{number}"
        for state in states:
            spec = state.spec.model_copy(update={"rollout_id": name})
            yield state.model_copy(update={"spec": spec, "event_id": f"{name}-{state.revision}"})
        for repeat in range(5):
            for report in reports:
                later = report.time + repeat * timedelta(seconds=1)
                yield report.model_copy(update={"rollout_id": name, "time": later, "settled": BEHIND})


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
