"""Interactions of a log that is read from its start, with their shadows' answers, which come after them.

For whoever reads what has happened. What is to be scored as it comes is joined by `evaluator.watch.worker.joining`,
which also keeps its place in the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from telemetry.events import Event, InteractionRecorded, ShadowAnswered

MOST: Final = 10_000


def joined(events: Iterable[Event], most: int = MOST) -> Iterator[InteractionRecorded]:
    """Every interaction: at its own place, or where its shadow's answer comes, with that in it.

    One that was drawn and whose answer does not come is there without, at the end or when `most` wait.
    """
    waiting: dict[str, InteractionRecorded] = {}
    for event in events:
        if isinstance(event, ShadowAnswered):
            own = waiting.pop(event.interaction_id, None)
            if own is not None:
                yield own.model_copy(update={"shadow": event.shadow})
        elif isinstance(event, InteractionRecorded):
            if event.shadow is not None or event.draw is None or not event.draw.drawn:
                yield event
                continue
            waiting[event.event_id] = event
            if len(waiting) > most:
                yield waiting.pop(next(iter(waiting)))
    yield from waiting.values()
