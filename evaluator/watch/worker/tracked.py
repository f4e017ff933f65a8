"""What a decider knows of the rollouts: those that it settles, those that ended, those that nobody announced yet."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.worker.saving import Keeper
from telemetry.events import Action, DecisionMade, LogPlace, RolloutChanged

ENDED: Final = frozenset({"rolled_back", "closed"})
KEPT_ENDED: Final = 20
"""Rollouts that ended and are still shown, the last ones."""
MOST_UNANNOUNCED: Final = 1_000


@dataclass(slots=True)
class Tracked:
    """One rollout: its latest state, its evidence, and how many scores were settled since its snapshot.

    `saved` is how many scores its last snapshot holds, `next` the offset of the first record that it does not hold
    (None where it holds all that was read), `read_then` how many scores this decider had read by then.
    `over` is set where it ended and is only shown; `stopped` says why nothing more can be settled. Scores before the
    offset `begins` are in the snapshot that it was restored from, when their topic had the id `topic_id`. `said` counts
    the decisions that have left, by action. `idle_since` is when it was last heard of (monotonic s).
    """

    state: RolloutChanged
    evidence: RolloutEvidence
    keeper: Keeper
    over: bool = False
    stopped: str | None = None
    begins: int = 0
    topic_id: str | None = None
    unsaved: int = 0
    saved: int = 0
    next: int | None = None
    read_then: int = 0
    decisions: int = 0
    said: Counter[Action] = field(default_factory=Counter)
    last_decision: DecisionMade | None = None
    idle_since: float = field(default_factory=time.monotonic)

    @property
    def live(self) -> bool:
        """Whether its scores are settled."""
        return not self.over and self.stopped is None

    def heard_of(self, state: RolloutChanged) -> None:
        """Take on a state where it is newer."""
        if state.revision > self.state.revision:
            self.state, self.idle_since = state, time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether it was rolled back or closed."""
        return self.state.status in ENDED


@dataclass(slots=True)
class Unannounced:
    """Where the scores of rollouts begin that nobody has announced: they are read from there as soon as somebody does.

    Control may be away for as long as it likes; the scores wait in Kafka. `changed` says that a mark is due.
    """

    changed: bool = False
    places: dict[str, LogPlace] = field(default_factory=dict)

    def saw(self, rollout_id: str, partition: int, offset: int) -> bool:
        """Note a score; False where there are too many such rollouts to note another."""
        if rollout_id in self.places:
            return True
        if len(self.places) >= MOST_UNANNOUNCED:
            return False
        self.places[rollout_id] = LogPlace(partition=partition, offset=offset)
        self.changed = True
        return True

    def announced(self, rollout_id: str) -> LogPlace | None:
        """Where to read from, now that this rollout is known; None where no score came before it."""
        found = self.places.pop(rollout_id, None)
        self.changed = self.changed or found is not None
        return found
