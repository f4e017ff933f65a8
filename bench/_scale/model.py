"""How much of everything a rate of requests needs, from what one interaction was measured to cost. Pure.

A stage has servers: cores of routers, forwarders and brokers, partitions with a scorer each, one decider. A server is
planned to be busy for at most `AT_MOST` of its time, so that a burst, a restart and a collection of garbage fit in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import Final

AT_MOST: Final = 0.7
INTERACTION_BYTES: Final = 2_746
SCORE_BYTES: Final = 913
GZIP_INTERACTION_BYTES: Final = 674
GZIP_SCORE_BYTES: Final = 148
"""Of one in Kafka's files, as it is and with `compression: gzip`: docs/telemetry.md."""
REPLICAS: Final = 3
DAY_S: Final = 86_400
_TB: Final = 1e12


@dataclass(frozen=True)
class Stage:
    """What every interaction goes through: `times` are recorded CPU seconds for one.

    `most` servers are all that there can be, None where there is no such limit. `dealt` says that each interaction has
    a server of its own, by the hash of its subject, instead of the next that is free.
    """

    name: str
    times: tuple[float, ...]
    most: int | None = None
    dealt: bool = False

    @property
    def mean_s(self) -> float:
        """Seconds for one, on average."""
        return fmean(self.times)

    def servers(self, rate: float) -> int:
        """Servers for so many a second; no more than there can be."""
        wanted = max(1, math.ceil(rate * self.mean_s / AT_MOST))
        return wanted if self.most is None else min(wanted, self.most)

    def busy(self, rate: float) -> float:
        """The part of the time in which its servers work, with as many as it may have; 1 and above never catches up."""
        return rate * self.mean_s / self.servers(rate)

    @property
    def limit(self) -> float:
        """Requests a second at which all servers that there can be are always busy."""
        return math.inf if self.most is None else self.most / self.mean_s


@dataclass(frozen=True)
class Need:
    """What a rate of requests needs."""

    rate: float
    servers: dict[str, int]
    cores: int
    disk_tb: float
    gzip_tb: float
    bottleneck: str
    busy: float


def need(stages: list[Stage], rate: float, days: float = 7.0, kept_days: float = 45.0) -> Need:
    """Cores, servers and terabytes for a rate; the bottleneck is the stage that is busiest.

    Disk is that of all brokers, uncompressed and by gzip: interactions for `days`, scores for `kept_days`.
    """
    servers = {stage.name: stage.servers(rate) for stage in stages}
    busiest = max(stages, key=lambda stage: stage.busy(rate))
    bytes_tb = REPLICAS * rate * DAY_S / _TB
    disk_tb = bytes_tb * (INTERACTION_BYTES * days + SCORE_BYTES * kept_days)
    gzip_tb = bytes_tb * (GZIP_INTERACTION_BYTES * days + GZIP_SCORE_BYTES * kept_days)
    return Need(rate, servers, sum(servers.values()), disk_tb, gzip_tb, busiest.name, busiest.busy(rate))


def first_limit(stages: list[Stage]) -> Stage:
    """The stage that stops first however much is bought: the one whose limit is the lowest."""
    return min(stages, key=lambda stage: stage.limit)
