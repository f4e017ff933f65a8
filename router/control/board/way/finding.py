"""Looks an interaction up in the log: by its place where that is known, else by the time in its id, else from the end.

Ids stand in a record's header or text, so that a record is decoded only where it is the one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from router.control.board.texts import NoTexts
from router.control.board.way.searching import CLOSE_MS, Search, before
from telemetry import topics
from telemetry.bus.protocols import Bus, Record
from telemetry.events import (
    Event,
    InteractionRecorded,
    LogPlace,
    ScoreRecorded,
    ScoresRecorded,
    ShadowAnswered,
    time_ms_of,
)
from telemetry.reading import event_in

PATIENCE_S: Final = 10.0
BEHIND: Final = 2_000
"""Records behind an interaction among which its shadow's answer is looked for."""
BEFORE: Final = 2_000
"""Records before a score among which one of the same subject is looked for."""
_SLACK_MS: Final = 60_000
"""How far the clocks of two machines may be apart when it is said that a score cannot lie further back."""
_LAST_S: Final = 253_402_300_799
_SHOWN: Final = "An older one can be opened from the interactions that weighed most in its rollout."

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

    def find(self, place: LogPlace | None = None, scored_at: LogPlace | None = None) -> Trail:
        """Everything that there is. Raises NoTexts where there is nothing, BrokerUnavailable."""
        with self._bus.reader([topics.INTERACTIONS], start="latest") as reader:
            search = Search(reader, topics.INTERACTIONS, self._until)
            found = self._interaction(search, place)
            if found is None:
                raise _nowhere(self._id, search)
            interaction, interaction_at = found
            answered = self._shadow(search, interaction, interaction_at, place)
        with self._bus.reader([topics.SCORES], start="latest") as reader:
            search = Search(reader, topics.SCORES, self._until)
            score, graded = self._scores(search, interaction_at, scored_at)
            earlier = None if score is None else self._earlier(search, *score)
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

    def _interaction(self, search: Search, place: LogPlace | None) -> tuple[InteractionRecorded, At] | None:
        for partition, first, last in self._pieces(search, place):
            hit = _last(search.records(partition, first, last), self._is_it)
            if hit is not None:
                return hit
        return None

    def _pieces(self, search: Search, place: LogPlace | None) -> Iterator[tuple[int, int, int]]:
        """Where it may lie, the likeliest first."""
        if place is not None:
            # A score names the last record of its interaction, which may be its shadow's answer.
            for first, last in before(place.offset + 1):
                yield place.partition, first, last
        made_ms = time_ms_of(self._id)
        if made_ms is not None:
            yield from search.forwards(made_ms)
        yield from search.backwards()

    def _shadow(
        self, search: Search, interaction: InteractionRecorded, at: At, place: LogPlace | None
    ) -> tuple[ShadowAnswered, At] | None:
        if interaction.draw is None or not interaction.draw.drawn:
            return None
        first = at.place.offset + 1
        last = first + BEHIND if place is None else max(first + BEHIND, place.offset + 1)
        end = min(last, search.ends.get((topics.INTERACTIONS, at.place.partition), last))
        return _last(search.records(at.place.partition, first, end), self._is_shadow)

    def _scores(
        self, search: Search, since: At, place: LogPlace | None
    ) -> tuple[tuple[ScoreRecorded, At] | None, tuple[ScoreRecorded, At] | None]:
        """Its score, and people's grades of it, which come behind.

        At a place there may be a second score: whoever tells it may have begun to read behind the first.
        """
        if place is not None:
            for first, last in search.towards(place, since.written_ms):
                hits = self._scores_of(search.records(place.partition, first, last))
                hit = next((one for one in hits if one[0].corrects is None), None)
                if hit is not None:
                    return hit, None
        return self._first_score(search, since.written_ms)

    def _first_score(
        self, search: Search, since_ms: int
    ) -> tuple[tuple[ScoreRecorded, At] | None, tuple[ScoreRecorded, At] | None]:
        """The first score of an interaction, and the last of people's grades of it.

        After a restart a worker scores again what it had not committed. The evidence has the first; the decisions that
        rest on it are not those behind the second.
        """
        found = graded = None
        for partition, first, last in search.forwards(since_ms):
            for hit in self._scores_of(search.records(partition, first, last)):
                if hit[0].corrects is not None:
                    graded = hit
                else:
                    found = found or hit
            if found is not None:
                break
        first_score, newest = found, None
        for partition, first, last in search.backwards(since_ms - (_SLACK_MS if found is None else CLOSE_MS)):
            for hit in reversed(list(self._scores_of(search.records(partition, first, last)))):
                if hit[0].corrects is not None:
                    newest = newest or hit
                elif first_score is None:
                    found = hit
        return found, newest or graded

    def _earlier(self, search: Search, score: ScoreRecorded, at: At) -> str | None:
        who = score.assignment
        if who.subject_source == "request":
            return None
        subject, end = who.subject.encode(), at.place.offset + 1
        for record in reversed(search.records(at.place.partition, max(0, end - 1 - BEFORE), end)):
            if subject not in (record.value or b""):
                continue
            for one in reversed(_scores_in(record)):
                same = one.rollout_id == score.rollout_id and one.assignment.subject == who.subject
                before = (record.offset, one.event_id) != (at.place.offset, score.event_id)
                if same and before and one.value is not None and one.corrects is None:
                    return one.interaction_id
        return None

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

    def _scores_of(self, records: list[Record]) -> Iterator[tuple[ScoreRecorded, At]]:
        for record in records:
            score = self._score(record)
            if score is not None:
                yield score, _at(record)


def _nowhere(interaction_id: str, search: Search) -> NoTexts:
    """What is told of an interaction that was not found, and whether it may be there all the same."""
    made_ms = time_ms_of(interaction_id)
    if made_ms is None:
        return NoTexts(
            f"interaction {interaction_id} is not among the last {search.looked:,} records of {topics.INTERACTIONS}",
            hint=_SHOWN,
        )
    # 48 bits reach beyond the year 9999, where datetime ends.
    made = datetime.fromtimestamp(min(made_ms // 1000, _LAST_S), UTC)
    hint = "What was written since then was all looked at: it was never written, or retention has deleted it."
    if search.bounded:
        hint = f"There are more, where it lies if its router could not reach Kafka for long. {_SHOWN}"
    return NoTexts(
        f"interaction {interaction_id}, made at {made:%Y-%m-%d %H:%M:%S} UTC by its id, is not among the "
        f"{search.looked:,} records of {topics.INTERACTIONS} that were looked at: from then on, and the last ones",
        hint=hint,
    )


def _last(records: list[Record], which: Callable[[Record], Found | None]) -> tuple[Found, At] | None:
    """The last of the records that is wanted."""
    for record in reversed(records):
        event = which(record)
        if event is not None:
            return event, _at(record)
    return None


def _scores_in(record: Record) -> tuple[ScoreRecorded, ...]:
    event = event_in(record)
    if isinstance(event, ScoresRecorded):
        return event.scores
    return (event,) if isinstance(event, ScoreRecorded) else ()


def _at(record: Record) -> At:
    return At(LogPlace(partition=record.partition, offset=record.offset), record.timestamp_ms)
