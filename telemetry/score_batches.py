"""Scores travel together: one record for what one poll judged, cut where it would become large."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from telemetry import codec
from telemetry.bus.protocols import Encoded
from telemetry.events import Event, ScoreRecorded, ScoresRecorded, derived_id

MOST: Final = 250
"""Scores of one record; a realistic one has .6 to .9 kB."""
RECORD_BYTES: Final = 256_000
"""Of one record at most, but for a single score that is larger by itself."""


def scores_of(event: Event) -> tuple[ScoreRecorded, ...]:
    """The scores in an event, in the order in which they are folded; none where it is of another kind."""
    if isinstance(event, ScoresRecorded):
        return event.scores
    return (event,) if isinstance(event, ScoreRecorded) else ()


def indexes(offsets: Iterable[int]) -> Iterator[int]:
    """The index of each score among those of its record, by the offsets of the records of all of them, in order."""
    before, index = -1, 0
    for offset in offsets:
        before, index = offset, index + 1 if offset == before else 0
        yield index


def records_of(scores: Sequence[ScoreRecorded], source: str) -> Iterator[Encoded]:
    """The records for scores that leave together. Those of one rollout keep their order."""
    by_rollout = sorted(scores, key=lambda score: score.rollout_id)  # stable
    for rollout, group in groupby(by_rollout, key=lambda score: score.rollout_id):
        mine = list(group)
        for at in range(0, len(mine), MOST):
            yield from _cut(rollout, mine[at : at + MOST], source)


def _cut(rollout: str, scores: Sequence[ScoreRecorded], source: str) -> Iterator[Encoded]:
    record = codec.encode(
        ScoresRecorded(
            event_id=derived_id("scores", *(score.event_id for score in scores)),
            time=scores[-1].time,
            source=source,
            rollout_id=rollout,
            scores=tuple(scores),
        )
    )
    if record.size <= RECORD_BYTES or len(scores) == 1:
        yield record
        return
    half = len(scores) // 2
    yield from _cut(rollout, scores[:half], source)
    yield from _cut(rollout, scores[half:], source)
