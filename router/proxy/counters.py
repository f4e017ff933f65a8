"""What the router counts of a route. `router.proxy.about` tells it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from router.proxy.outcomes import ARMS, Outcomes
from telemetry.events import Arm


@dataclass(slots=True)
class Counters:
    """Counts since the start of the process. `requests` is by assigned arm, `fallbacks` by reason.

    `shadows_failed` is by the arm that gave its shadow no answer: it scores 0, as everywhere.
    `outcomes` is by the arm that answered, or should have; `wrong_model` by the arm whose engine answered as another
    model than it was set up with.
    """

    requests: Counter[str] = field(default_factory=Counter)
    fallbacks: Counter[str] = field(default_factory=Counter)
    wrong_model: Counter[str] = field(default_factory=Counter)
    base_down: int = 0
    client_left: int = 0
    cut: int = 0
    recorded: int = 0
    unrecorded: int = 0
    shadows: int = 0
    shadows_skipped: int = 0
    shadows_recorded: int = 0
    shadows_unrecorded: int = 0
    shadows_failed: Counter[str] = field(default_factory=Counter)
    passed: int = 0
    outcomes: dict[Arm, Outcomes] = field(default_factory=lambda: {arm: Outcomes() for arm in ARMS})
