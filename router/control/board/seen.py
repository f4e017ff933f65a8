"""What the view remembers of one rollout, and of one worker."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from router.control.board.points import History
from telemetry.events import DecisionMade, RolloutChanged, WatchReported, WorkerReported

HOLDS: Final = 20
OTHERS: Final = 30
"""Decisions of a rollout that are kept: the last holds, and the last that were none."""


@dataclass(slots=True)
class Seen:
    """What is known of one rollout. `state` is None where a report came before it.

    `logged` is the newest state that the log told, which is older than `state` while the past is read.
    """

    history: History
    state: RolloutChanged | None = None
    logged: RolloutChanged | None = None
    report: WatchReported | None = None
    holds: deque[DecisionMade] = field(default_factory=lambda: deque(maxlen=HOLDS))
    others: deque[DecisionMade] = field(default_factory=lambda: deque(maxlen=OTHERS))

    @property
    def decisions(self) -> list[DecisionMade]:
        """The newest first."""
        return sorted([*self.holds, *self.others], key=lambda decision: decision.time, reverse=True)


@dataclass(slots=True)
class Worker:
    """The last word of a worker, and when its count of interactions last grew."""

    report: WorkerReported
    moved: datetime | None = None
