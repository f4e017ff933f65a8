"""The scorer at work: interactions in, scores out, at least once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from evaluator.judge.judges.scorer import SOURCE, LiveJudging, score, task_of
from evaluator.judge.tagging.tagger import Tag
from telemetry import codec, topics
from telemetry.bus.protocols import Bus, Publisher, Reader, Record
from telemetry.dead_letters import dead_record
from telemetry.errors import UnreadableRecord
from telemetry.events import InteractionRecorded, now
from telemetry.prompts import prompt_of

GROUP: Final = "belay-scorer"


class Tagging(Protocol):
    """The part of `tagger.Tagger` that scoring needs."""

    def tag(self, prompts: Sequence[str]) -> list[Tag]:
        """One tag for each prompt."""
        ...


@dataclass(slots=True)
class ScorerCounts:
    """What a scorer has done since its process began; `unscored` counts reasons."""

    interactions: int = 0
    scored: int = 0
    dead: int = 0
    unscored: dict[str, int] = field(default_factory=dict)


class Scorer:
    """Tags and judges interactions of its share of the partitions. Used by one thread; `close` it."""

    def __init__(
        self, bus: Bus, tagger: Tagging, judge: LiveJudging, counts: ScorerCounts | None = None
    ) -> None:
        self.counts = counts or ScorerCounts()
        self._tagger, self._judge = tagger, judge
        self._publisher: Publisher = bus.publisher()
        self._reader: Reader = bus.reader([topics.INTERACTIONS], group=GROUP)

    def step(self, timeout_s: float) -> int:
        """Score what is there, waiting at most `timeout_s` for the first record; how many records."""
        records = self._reader.poll(timeout_s)
        if not records:
            return 0
        self._score([found for record in records if (found := self._readable(record)) is not None])
        # A commit before the flush would lose scores if this process died in between.
        self._publisher.flush()
        self._reader.commit()
        return len(records)

    def close(self) -> None:
        """Leave the group; what was not committed is read again by whoever comes next."""
        self._reader.close()
        self._publisher.close()

    def _readable(self, record: Record) -> InteractionRecorded | None:
        self.counts.interactions += 1
        try:
            event = codec.decode(record)
        except UnreadableRecord as error:
            self._bury(record, error.message)
            return None
        if not isinstance(event, InteractionRecorded):
            self._bury(record, f"a {event.TYPE} does not belong in {record.topic}")
            return None
        return event

    def _bury(self, record: Record, reason: str) -> None:
        self._publisher.send(codec.encode(dead_record(record, reason, SOURCE)))
        self.counts.dead += 1

    def _score(self, interactions: Sequence[InteractionRecorded]) -> None:
        tags = self._tagger.tag([prompt_of(i) for i in interactions]) if interactions else []
        for interaction, tag in zip(interactions, tags, strict=True):
            scored = score(task_of(interaction, tag, self._judge), self._judge, at=now())
            self._publisher.send(codec.encode(scored))
            if scored.unscored is None:
                self.counts.scored += 1
            else:
                reasons = self.counts.unscored
                reasons[scored.unscored] = reasons.get(scored.unscored, 0) + 1
