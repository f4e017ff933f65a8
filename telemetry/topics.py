"""Topic names and layouts. Every rollout's scores share one partition, so they have one order."""

from __future__ import annotations

from typing import Final, NamedTuple

INTERACTIONS: Final = "belay.interactions"
SCORES: Final = "belay.scores"
GRADES: Final = "belay.grades"
DECISIONS: Final = "belay.decisions"
ROLLOUTS: Final = "belay.rollouts"
SNAPSHOTS: Final = "belay.snapshots"
DEAD_LETTERS: Final = "belay.dead-letters"


class Topic(NamedTuple):
    """A topic's layout. An event's key (`telemetry.events`) says what it is partitioned and compacted by."""

    name: str
    partitions: int
    compacted: bool


TOPICS: Final = (
    Topic(INTERACTIONS, 4, False),
    Topic(SCORES, 1, False),
    Topic(GRADES, 1, False),
    Topic(DECISIONS, 1, False),
    Topic(ROLLOUTS, 1, True),
    Topic(SNAPSHOTS, 1, True),
    Topic(DEAD_LETTERS, 1, False),
)
