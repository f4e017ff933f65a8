"""The texts of one interaction, read from `belay.interactions` when somebody asks for them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from router.control.actor import NotThere
from telemetry import topics
from telemetry.bus.protocols import Bus, Record
from telemetry.events import InteractionRecorded, LogPlace, ShadowAnswered
from telemetry.reading import event_in

PATIENCE_S: Final = 10.0
BACK: Final = (200, 2_000, 20_000)
"""How far before its shadow's answer an interaction is looked for, in records: as long as a shadow may take."""
KEPT: Final = 100


class NoTexts(NotThere):
    """The texts of this interaction cannot be had."""


class Library:
    """Looks up interactions by where the log holds them; remembers the last ones. One look at a time."""

    def __init__(self, bus: Bus | None) -> None:
        self._bus = bus
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, InteractionRecorded] = OrderedDict()

    def find(self, interaction_id: str, place: LogPlace) -> InteractionRecorded:
        """The interaction, with its shadow's answer where it has one. Raises NoTexts, BrokerUnavailable."""
        with self._lock:
            known = self._kept.get(interaction_id)
            if known is not None:
                return known
            found = self._look(interaction_id, place)
            self._kept[interaction_id] = found
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return found

    def _look(self, interaction_id: str, place: LogPlace) -> InteractionRecorded:
        if self._bus is None:
            raise NoTexts("this control has no broker, and texts are nowhere else")
        shadow: ShadowAnswered | None = None
        for back in (0, *BACK):
            # From the last one backwards: an answer of a shadow follows its interaction.
            for record in self._records(
                self._bus, place.partition, max(0, place.offset - back), place.offset
            ):
                event = event_in(record)
                if isinstance(event, ShadowAnswered) and event.interaction_id == interaction_id:
                    shadow = event
                elif isinstance(event, InteractionRecorded) and event.event_id == interaction_id:
                    return event if shadow is None else event.model_copy(update={"shadow": shadow.shadow})
            if shadow is None or place.offset <= back:
                break
        raise NoTexts(
            f"interaction {interaction_id} is no longer in {topics.INTERACTIONS}",
            hint="The topic keeps texts for as long as its settings say (`belay topics`).",
        )

    @staticmethod
    def _records(bus: Bus, partition: int, first: int, last: int) -> Iterator[Record]:
        """The records from `first` to `last`, the last one before all others."""
        until = time.monotonic() + PATIENCE_S
        found: list[Record] = []
        with bus.reader([topics.INTERACTIONS], start="latest") as reader:
            reader.seek(topics.INTERACTIONS, partition, first)
            while (not found or found[-1].offset < last) and time.monotonic() < until:
                polled = [record for record in reader.poll(0.5) if record.partition == partition]
                found += [record for record in polled if record.offset <= last]
                if any(record.offset > last for record in polled):
                    break
                if not polled and not reader.holds_from(topics.INTERACTIONS, partition, first):
                    break
        yield from reversed(found)
