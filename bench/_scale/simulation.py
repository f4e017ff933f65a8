"""A small discrete-event simulation of the path: interactions queue before each stage, in the order in which they come.

It checks the model of means: service times are drawn from those that were recorded, arrivals are at random, subjects
are dealt to partitions by chance, and what waits is seen. Pure and seeded.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass

from _scale.model import Stage


@dataclass(frozen=True)
class Seen:
    """What a stage did: how much of the time its servers worked, the 99th percentile of waiting before it, in seconds.

    `growing` says that those who came in the last tenth waited more than twice as long as those of the middle: the
    stage does not keep up.
    """

    name: str
    servers: int
    busy: float
    p99_wait_s: float
    growing: bool


def simulate(stages: Sequence[Stage], rate: float, count: int, seed: int) -> list[Seen]:
    """Send `count` interactions at `rate` a second through the stages, each with the servers that the model gives."""
    dice = random.Random(seed)
    at, arrivals = 0.0, []
    for _ in range(count):
        at += dice.expovariate(rate)
        arrivals.append(at)
    seen = []
    for stage in stages:
        found, arrivals = _through(stage, stage.servers(rate), arrivals, dice)
        seen.append(found)
    return seen


def growing(seen: Sequence[Seen]) -> list[str]:
    """The stages that do not keep up."""
    return [one.name for one in seen if one.growing]


def _through(
    stage: Stage, servers: int, arrivals: list[float], dice: random.Random
) -> tuple[Seen, list[float]]:
    """One stage: first come, first served. When each left, in the order in which they left."""
    free = [0.0] * servers
    left, waits, worked = [], [], 0.0
    for at in arrivals:
        service = dice.choice(stage.times)
        server = dice.randrange(servers) if stage.dealt else 0
        begins = max(at, free[server])
        ends = begins + service
        if stage.dealt:
            free[server] = ends
        else:
            heapq.heapreplace(free, ends)
        waits.append(begins - at)
        worked += service
        left.append(ends)
    span = max(left) - arrivals[0]
    middle, last = waits[len(waits) * 4 // 10 : len(waits) // 2], waits[len(waits) * 9 // 10 :]
    growing = _mean(last) > 2 * _mean(middle) and _mean(last) > 100 * stage.mean_s
    p99 = sorted(waits)[len(waits) * 99 // 100]
    return Seen(stage.name, servers, worked / (servers * span), p99, growing), sorted(left)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
