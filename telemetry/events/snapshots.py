"""The evidence as the decider keeps it in Kafka: in pieces, and how far they reach."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from telemetry import topics
from telemetry.events.base import WHOLE, Event, LogPlace


class SnapshotTaken(Event):
    """The evidence of one rollout after `offset`, whole, as state versions up to 6 wrote it.

    Not written any more; who finds only this folds the scores from the beginning.
    """

    TYPE = "belay.snapshot.taken"
    TOPIC = topics.SNAPSHOTS
    KEY = "rollout_id"

    rollout_id: str
    partition: int
    offset: int
    state: dict[str, Any]


class SnapshotHead(Event):
    """A part of a snapshot of one rollout's evidence after `offset`: all of it but whom it met (`SubjectsMet`).

    `text` is a part of `RolloutEvidence.to_snapshot` as JSON; the `parts` parts of a slot belong together where the
    whole has the hash `sha256`. Two slots take turns, so that one is whole while the other is written. `topic_id` is
    that of `belay.scores`, where the broker names one: a topic that began anew has another.
    """

    TYPE = "belay.snapshot.head"
    TOPIC = topics.SNAPSHOTS
    KEY = "place"
    EXACT = WHOLE  # without all of it nobody can go on from here

    rollout_id: str
    slot: Literal["a", "b"]
    part: int = Field(ge=0)
    parts: int = Field(ge=1)
    sha256: str
    partition: int
    offset: int
    topic_id: str | None
    text: str

    @property
    def place(self) -> str:
        """What it replaces: the same part of the snapshot that its slot held before."""
        return f"{self.rollout_id}/{self.slot}/{self.part}"


class SubjectsMet(Event):
    """Entries about subjects that one rollout's evidence met, from entry `start` on, in order; snapshots count on them.

    `entries` are `evidence.units.ENTRY` each, as base64. A chunk is written in parts as it grows, and when it is full
    once more as part 0, for which the others are withdrawn.
    """

    TYPE = "belay.snapshot.subjects"
    TOPIC = topics.SNAPSHOTS
    KEY = "place"
    EXACT = WHOLE  # without all of it nobody can go on from here

    rollout_id: str
    chunk: int = Field(ge=0)
    part: int = Field(ge=0)
    start: int = Field(ge=0)
    entries: str

    @property
    def place(self) -> str:
        """What it replaces: the same part of the same chunk."""
        return f"{self.rollout_id}/met/{self.chunk}/{self.part}"


class DeciderMarked(Event):
    """How far a decider has read `belay.scores`, and where those rollouts begin that nobody has announced yet.

    `topic_id` as in `SnapshotHead`: what is said of another topic of that name is nothing. `saved` has for each rollout
    how many scores its last snapshot holds, and the offset of the first record that it does not hold: rollouts whose
    scores are rare are not read again from their last snapshot on.
    """

    TYPE = "belay.decider.marked"
    TOPIC = topics.SNAPSHOTS
    KEY = "place"

    topic_id: str | None
    read_to: tuple[LogPlace, ...]
    unannounced: dict[str, LogPlace] = Field(default_factory=dict)
    saved: dict[str, tuple[int, int]] = Field(default_factory=dict)

    @property
    def place(self) -> str:
        """There is one."""
        return "decider"
