"""Looks an interaction up in the log: by its place where that is known, else from the end backwards, up to a bound.

Kafka has no index by id. Ids stand in a record's header or text, so that a record is decoded only where it is the one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from router.control.board.texts import NoTexts
from telemetry import topics
from telemetry.bus.protocols import Bus, Reader, Record
from telemetry.events import (
    Event,
    InteractionRecorded,
    LogPlace,
    ScoreRecorded,
    ScoresRecorded,
    ShadowAnswered,
)
from telemetry.reading import event_in

PATIENCE_S: Final = 10.0
CHUNK: Final = 2_000
MOST: Final = 50_000
"""Records that are looked through, of each topic."""
BEHIND: Final = 2_000
"""Records behind an interaction among which its shadow's answer is looked for."""
BEFORE: Final = 2_000
"""Records before a score among which one of the same subject is looked for."""
_SLACK_MS: Final = 60_000
"""How far the clocks of two machines may be apart when it is said that a score cannot lie further back."""
_CLOSE_MS: Final = 5_000
"""The same once a score of it was found, and an earlier one is looked for."""

Found = TypeVar("Found", bound=Event)


@dataclass(frozen=True, slots=True)
class At:
    """Where a record lies, and when it was written there (ms since the epoch)."""

    place: LogPlace
    written_ms: int


@dataclass(frozen=True, slots=True)
class Trail:
    """What the log holds of one interaction. `earlier` is another of its subject that was scored before it."""

    interaction: InteractionRecorded
    interaction_at: At
    shadow: ShadowAnswered | None = None
    shadow_at: At | None = None
    score: ScoreRecorded | None = None
    score_at: At | None = None
    graded: ScoreRecorded | None = None
    earlier: str | None = None


class Finder:
    """Looks for one interaction. `patience_s` is for all of it."""

    def __init__(self, bus: Bus, interaction_id: str, patience_s: float = PATIENCE_S) -> None:
        self._bus, self._id = bus, interaction_id
        self._until = time.monotonic() + patience_s
        self._looked = 0
        self._ends: dict[tuple[str, int], int] = {}

    def find(self, place: LogPlace | None = None, scored_at: LogPlace | None = None) -> Trail:
        """Everything that there is. Raises NoTexts where there is nothing, BrokerUnavailable."""
        with self._bus.reader([topics.INTERACTIONS], start="latest") as reader:
            self._ends |= reader.end_offsets()
            found = self._interaction(reader, place)
            if found is None:
                raise NoTexts(
                    f"interaction {self._id} is not among the last {self._looked:,} records of {topics.INTERACTIONS}",
                    hint="An older one can be opened from the interactions that weighed most in its rollout.",
                )
            interaction, interaction_at = found
            answered = self._shadow(reader, interaction, interaction_at, place)
        with self._bus.reader([topics.SCORES], start="latest") as reader:
            self._ends |= reader.end_offsets()
            score, graded = self._scores(reader, interaction_at, scored_at)
            earlier = None if score is None else self._earlier(reader, *score)
        return Trail(
            interaction=interaction,
            interaction_at=interaction_at,
            shadow=answered and answered[0],
            shadow_at=answered and answered[1],
            score=score and score[0],
            score_at=score and score[1],
            graded=graded and graded[0],
            earlier=earlier,
        )

    def _interaction(self, reader: Reader, place: LogPlace | None) -> tuple[InteractionRecorded, At] | None:
        if place is not None:
            # A score names the last record of its interaction, which may be its shadow's answer.
            for first, last in _before(place.offset + 1):
                hit = self._last(reader, topics.INTERACTIONS, place.partition, first, last, self._is_it)
                if hit is not None:
                    return hit
        for partition, first, last in self._backwards(reader):
            hit = self._last(reader, topics.INTERACTIONS, partition, first, last, self._is_it)
            if hit is not None:
                return hit
        return None

    def _shadow(
        self, reader: Reader, interaction: InteractionRecorded, at: At, place: LogPlace | None
    ) -> tuple[ShadowAnswered, At] | None:
        if interaction.draw is None or not interaction.draw.drawn:
            return None
        first = at.place.offset + 1
        last = first + BEHIND if place is None else max(first + BEHIND, place.offset + 1)
        end = min(last, self._ends.get((topics.INTERACTIONS, at.place.partition), last))
        return self._last(reader, topics.INTERACTIONS, at.place.partition, first, end, self._is_shadow)

    def _scores(
        self, reader: Reader, since: At, place: LogPlace | None
    ) -> tuple[tuple[ScoreRecorded, At] | None, tuple[ScoreRecorded, At] | None]:
        """Its score, and people's grades of it, which come behind."""
        if place is not None:
            at = place.offset
            hit = self._last(reader, topics.SCORES, place.partition, at, at + 1, self._score)
            if hit is not None and hit[0].corrects is None:
                return hit, None
        return self._first_score(reader, since)

    def _first_score(
        self, reader: Reader, since: At
    ) -> tuple[tuple[ScoreRecorded, At] | None, tuple[ScoreRecorded, At] | None]:
        """The first score of an interaction, and the last of people's grades of it.

        After a restart a worker scores again what it had not committed. The evidence has the first; the decisions that
        rest on it are not those behind the second.
        """
        found = graded = None
        for partition, first, last in self._backwards(reader):
            for record in self._records(reader, topics.SCORES, partition, first, last):
                score = self._score(record)
                if score is not None and score.corrects is not None:
                    graded = graded or (score, _at(record))
                elif score is not None:
                    found = score, _at(record)
                slack = _SLACK_MS if found is None else _CLOSE_MS
                if record.timestamp_ms < since.written_ms - slack:
                    return found, graded
        return found, graded

    def _earlier(self, reader: Reader, score: ScoreRecorded, at: At) -> str | None:
        who = score.assignment
        if who.subject_source == "request":
            return None
        subject, end = who.subject.encode(), at.place.offset + 1
        for record in self._records(reader, topics.SCORES, at.place.partition, max(0, end - 1 - BEFORE), end):
            if subject not in (record.value or b""):
                continue
            for one in reversed(_scores_in(record)):
                same = one.rollout_id == score.rollout_id and one.assignment.subject == who.subject
                before = (record.offset, one.event_id) != (at.place.offset, score.event_id)
                if same and before and one.value is not None and one.corrects is None:
                    return one.interaction_id
        return None

    # --- records --------------------------------------------------------------------------------------

    def _last(
        self,
        reader: Reader,
        topic: str,
        partition: int,
        first: int,
        last: int,
        which: Callable[[Record], Found | None],
    ) -> tuple[Found, At] | None:
        """The last record from `first` to before `last` that is wanted."""
        for record in self._records(reader, topic, partition, first, last):
            event = which(record)
            if event is not None:
                return event, _at(record)
        return None

    def _records(self, reader: Reader, topic: str, partition: int, first: int, last: int) -> Iterator[Record]:
        """The records from `first` to before `last`, the last one first; those that come in time."""
        found: list[Record] = []
        reader.seek(topic, partition, first)
        at = first
        while at < last and time.monotonic() < self._until:
            polled = [record for record in reader.poll(0.2) if record.partition == partition]
            found += [record for record in polled if record.offset < last]
            at = max([at, *(record.offset + 1 for record in polled)])
            if not polled and not reader.holds_from(topic, partition, at):
                break
        # What lies behind was read before, or is not wanted: a reader would go on with it.
        reader.seek(topic, partition, self._ends.get((topic, partition), at))
        self._looked += len(found)
        yield from reversed(found)

    def _backwards(self, reader: Reader) -> Iterator[tuple[int, int, int]]:
        """Partition, first and last of pieces of a topic, from its end, all partitions in turn."""
        begins, left = reader.begin_offsets(), reader.end_offsets()
        most = MOST // max(1, len(left))
        floor = {where: max(begins.get(where, 0), end - most) for where, end in left.items()}
        while any(left[where] > floor[where] for where in left) and time.monotonic() < self._until:
            for where in list(left):
                last, first = left[where], max(floor[where], left[where] - CHUNK)
                if first < last:
                    yield where[1], first, last
                left[where] = first

    # --- which record ---------------------------------------------------------------------------------

    def _is_it(self, record: Record) -> InteractionRecorded | None:
        if ("ce_id", self._id.encode()) not in record.headers:
            return None
        event = event_in(record)
        return event if isinstance(event, InteractionRecorded) else None

    def _is_shadow(self, record: Record) -> ShadowAnswered | None:
        if self._id.encode() not in (record.value or b""):
            return None
        event = event_in(record)
        return event if isinstance(event, ShadowAnswered) and event.interaction_id == self._id else None

    def _score(self, record: Record) -> ScoreRecorded | None:
        if self._id.encode() not in (record.value or b""):
            return None
        return next((one for one in _scores_in(record) if one.interaction_id == self._id), None)


def _before(end: int) -> Iterator[tuple[int, int]]:
    """Ever longer pieces of a partition before an offset, none of them read twice."""
    last = end
    for back in (1, 200, 2_000, 20_000):
        first = max(0, end - back)
        if first < last:
            yield first, last
        last = first


def _scores_in(record: Record) -> tuple[ScoreRecorded, ...]:
    event = event_in(record)
    if isinstance(event, ScoresRecorded):
        return event.scores
    return (event,) if isinstance(event, ScoreRecorded) else ()


def _at(record: Record) -> At:
    return At(LogPlace(partition=record.partition, offset=record.offset), record.timestamp_ms)
