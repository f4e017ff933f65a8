"""Every drill, by how long it may take."""

from __future__ import annotations

from typing import Final

from tests.drills.broken_disks import disk_full, rollout_file_spoilt, spool_damaged
from tests.drills.broken_engines import another_model, engines_break
from tests.drills.deciding import control_is_down, latencies, router_is_down
from tests.drills.killing import kill_at_random, kills_in_series, workers_come_and_go
from tests.drills.losing_brokers import (
    broker_away,
    broker_disk_full,
    interactions_deleted,
    large_records,
    leaders_die,
    scores_deleted,
)
from tests.drills.odd_events import clocks_off, odd_events
from tests.drills.scenario import Scenario
from tests.drills.traced import traced

KILLS: Final = 1000
SERIES: Final = 10
ROUTERS: Final = 2


def short_drills() -> list[Scenario]:
    """Those of `make test`: seconds each."""
    return [kill_at_random(5, (0.4, 1.2))]


def drills(routers: int = ROUTERS) -> list[Scenario]:
    """Those of `make drills`: ten minutes together, at most."""
    return [kill_at_random(50, (0.4, 2.2)), broker_away(30.0), *_without_waiting(routers)]


def long_drills(kills: int = KILLS, series: int = SERIES, routers: int = ROUTERS) -> list[Scenario]:
    """Those of `make drills-long`; the kills in so many series, each with an account of its own."""
    return [
        *kills_in_series(kills, series, (0.6, 3.4)),
        broker_away(600.0),
        leaders_die(5),
        broker_disk_full(),
        *_without_waiting(routers),
    ]


def _without_waiting(routers: int) -> list[Scenario]:
    """Those that are the same in both."""
    return [
        workers_come_and_go(2),
        scores_deleted(),
        interactions_deleted(),
        large_records(),
        engines_break(2.0),
        another_model(),
        disk_full(),
        spool_damaged(),
        rollout_file_spoilt(),
        clocks_off(),
        odd_events(),
        control_is_down(),
        router_is_down(),
        latencies(15.0, 60, routers),
        traced(),
    ]
