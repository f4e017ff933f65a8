"""Topic names and layouts. Every rollout's scores share one partition, so they have one order."""

from __future__ import annotations

from typing import Final, NamedTuple

INTERACTIONS: Final = "belay.interactions"
SCORES: Final = "belay.scores"
DECISIONS: Final = "belay.decisions"
ROLLOUTS: Final = "belay.rollouts"
SNAPSHOTS: Final = "belay.snapshots"
DEAD_LETTERS: Final = "belay.dead-letters"


class Topic(NamedTuple):
    """A topic's layout: `key` names what its records are keyed (and so partitioned and compacted) by."""

    name: str
    partitions: int
    compacted: bool
    key: str


TOPICS: Final = (
    Topic(INTERACTIONS, 4, False, "subject"),
    Topic(SCORES, 1, False, "rollout_id"),
    Topic(DECISIONS, 1, False, "rollout_id"),
    Topic(ROLLOUTS, 1, True, "rollout_id"),
    Topic(SNAPSHOTS, 1, True, "rollout_id"),
    Topic(DEAD_LETTERS, 1, False, "source"),
)
