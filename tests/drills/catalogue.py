"""Every drill, by how long it may take."""

from __future__ import annotations

from tests.drills.deciding import control_is_down, router_is_down
from tests.drills.killing import kill_at_random
from tests.drills.losing_brokers import broker_away
from tests.drills.scenario import Scenario


def short_drills() -> list[Scenario]:
    """Those of `make test`: seconds each."""
    return [kill_at_random(5, (0.5, 1.5))]


def drills() -> list[Scenario]:
    """Those of `make drills`: ten minutes together, at most."""
    return [kill_at_random(50, (0.5, 2.5)), broker_away(30.0), *_without_waiting()]


def long_drills() -> list[Scenario]:
    """Those of `make drills-long`."""
    return [kill_at_random(1000, (1.0, 5.0), seed=2), broker_away(600.0), *_without_waiting()]


def _without_waiting() -> list[Scenario]:
    """Those that are the same in both."""
    return [control_is_down(), router_is_down()]
