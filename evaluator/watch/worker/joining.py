"""Interactions joined with their shadows' answers, which come after them as events of their own.

    interaction, not drawn (or its shadow in it)   -> goes on at once
    interaction, drawn                             -> held
    its shadow's answer                            -> both go on as a pair, at the place of the answer
    nothing for `patience_s`, or no room           -> goes on alone

Scores are known again by the places of their records, which have to grow from one to the next of a source (a spool's
records in a partition). A pair has the answer's place. What goes on alone comes after records that lie behind it, so
its place is one of a source of its own: the spool's name with `ALONE`. That grows too: held first, given up first.
What was given up and is met once more after a crash, its late answer with it, goes on a second time as a pair, which
the evidence knows by the interaction's id (`evidence.seen`).

Bounded, and pure but for what it holds; clocks are passed in.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from evaluator.watch.evidence.seen import ALONE
from telemetry.bus.protocols import Record
from telemetry.events import InteractionRecorded, ShadowAnswered

PATIENCE_S: Final = 180.0
"""Longer than a router waits for a shadow (`timeouts.shadow_s`, at most 150 s), and spool and forwarder on top: an arm
that times out has to lose by that, not disappear."""
MOST: Final = 10_000
MOST_BYTES: Final = 256 << 20
_SPOOL_CHARACTERS: Final = 64

Partition = tuple[str, int]


class Joined(NamedTuple):
    """An interaction that goes on, at the place of `record`. `alone`: it was drawn, and its shadow never came.

    Nothing from `holds` on may be committed before its score is published, and `Joiner.release` was told.
    """

    record: Record
    interaction: InteractionRecorded
    alone: bool = False
    holds: int | None = None


class _Held(NamedTuple):
    record: Record
    interaction: InteractionRecorded
    since: float

    @property
    def size(self) -> int:
        """Bytes of its record's value: what it takes in memory is a small multiple."""
        return len(self.record.value or b"")


class Joiner:
    """Holds what waits for its shadow: at most `most` interactions of `most_bytes` together, `patience_s` each.

    `pairs` and `alone` count what went on so; `strays` are answers to interactions that are not held: given up before,
    sent twice, or never seen.
    """

    def __init__(
        self, most: int = MOST, most_bytes: int = MOST_BYTES, patience_s: float = PATIENCE_S
    ) -> None:
        self.pairs = self.alone = self.strays = 0
        self._most, self._most_bytes, self._patience_s = most, most_bytes, patience_s
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._bytes = 0
        self._open: dict[Partition, set[int]] = {}
        self._lowest: dict[Partition, list[int]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def take(self, record: Record, event: InteractionRecorded | ShadowAnswered, now: float) -> list[Joined]:
        """Take in a record, and give what goes on because of it, in this order. `now` is any clock's, in seconds."""
        if isinstance(event, ShadowAnswered):
            return self._pair(record, event)
        if event.shadow is not None or event.draw is None or not event.draw.drawn:
            return [Joined(record, event)]
        if event.event_id not in self._held:  # a forwarder may send it twice
            self._hold(_Held(record, event, now))
        return self._while(lambda: len(self) > self._most or self._bytes > self._most_bytes)

    def overdue(self, now: float) -> list[Joined]:
        """What has waited for `patience_s` goes on alone, oldest first."""
        return self._while(lambda: bool(self._held) and self._oldest().since + self._patience_s <= now)

    def release(self, record: Record, holds: int) -> None:
        """The score of what went on with these is published."""
        self._open.get(_partition(record), set()).discard(holds)

    def bound(self, partition: Partition) -> int | None:
        """The offset that may be committed at most; None where nothing stands against any."""
        held, lowest = self._open.get(partition, set()), self._lowest.get(partition, [])
        while lowest and lowest[0] not in held:
            heapq.heappop(lowest)
        return lowest[0] if lowest else None

    def keep(self, partitions: Collection[Partition]) -> None:
        """Forget what came from other partitions than these: whoever has them now reads it again."""
        lost = self._open.keys() - set(partitions)
        if not lost:
            return
        for event_id, held in list(self._held.items()):
            if _partition(held.record) in lost:
                del self._held[event_id]
                self._bytes -= held.size
        for partition in lost:
            del self._open[partition], self._lowest[partition]

    def _pair(self, record: Record, event: ShadowAnswered) -> list[Joined]:
        held = self._held.get(event.interaction_id)
        if held is None or held.interaction.assignment != event.assignment:
            self.strays += 1
            return []
        self._let_go(event.interaction_id)
        self.pairs += 1
        both = held.interaction.model_copy(update={"shadow": event.shadow, "spooled": event.spooled})
        return [Joined(record, both, holds=held.record.offset)]

    def _hold(self, held: _Held) -> None:
        partition, offset = _partition(held.record), held.record.offset
        self._held[held.interaction.event_id] = held
        self._bytes += held.size
        self._open.setdefault(partition, set()).add(offset)
        heapq.heappush(self._lowest.setdefault(partition, []), offset)

    def _let_go(self, event_id: str) -> _Held:
        held = self._held.pop(event_id)
        self._bytes -= held.size
        return held

    def _oldest(self) -> _Held:
        return next(iter(self._held.values()))

    def _while(self, full: Callable[[], bool]) -> list[Joined]:
        given_up = []
        while full():
            held = self._let_go(next(iter(self._held)))
            self.alone += 1
            given_up.append(
                Joined(held.record, _on_its_own(held.interaction), alone=True, holds=held.record.offset)
            )
        return given_up


def _on_its_own(interaction: InteractionRecorded) -> InteractionRecorded:
    """The interaction at a place in a source of its own."""
    place = interaction.spooled
    if place is None:
        return interaction
    name = place.spool[: _SPOOL_CHARACTERS - len(ALONE)] + ALONE
    return interaction.model_copy(update={"spooled": place.model_copy(update={"spool": name})})


def _partition(record: Record) -> Partition:
    return record.topic, record.partition
