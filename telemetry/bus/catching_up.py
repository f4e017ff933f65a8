"""Reading topics to their end as it is now, which is how whoever starts anew learns what there is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from telemetry.bus.protocols import Reader, Record
from telemetry.errors import BrokerUnavailable

PATIENCE_S: Final = 10.0
ASK_S: Final = 1.0
"""After so long a silence the broker is asked whether there is anything left before the end."""

Partition = tuple[str, int]


def read_to_end(reader: Reader, patience_s: float = PATIENCE_S, ask_s: float = ASK_S) -> Iterator[Record]:
    """Every record up to the end as it is now. Raises BrokerUnavailable after `patience_s` of silence.

    The end is an offset, and the record before it need not be there: retention takes the whole of a partition,
    compaction its last records, and transactions end in markers that no reader is given. So a partition is read
    when its reader stands at the end, or when there is nothing from where it stands.
    """
    begins = reader.begin_offsets()
    left = {where: end for where, end in reader.end_offsets().items() if end > begins.get(where, 0)}
    silent_since = asked = time.monotonic()
    while left:
        found = reader.poll(0.2)
        if found:
            silent_since = asked = time.monotonic()
        yield from found
        left = _not_reached(left, reader.positions())
        if left and time.monotonic() - asked > ask_s:
            left = _still_holding(left, reader)
            asked = time.monotonic()
        if left and time.monotonic() - silent_since > patience_s:
            named = ", ".join(f"{topic}/{partition}" for topic, partition in left)
            raise BrokerUnavailable(f"read nothing for {patience_s:g} s, though {named} has more")


def skip_to_last(reader: Reader, many: int) -> None:
    """Have a reader without a group begin `many` records before the end of each partition, or where it begins."""
    begins = reader.begin_offsets()
    for (topic, partition), end in reader.end_offsets().items():
        reader.seek(topic, partition, max(begins.get((topic, partition), 0), end - many))


def _not_reached(ends: dict[Partition, int], positions: dict[Partition, int]) -> dict[Partition, int]:
    return {where: end for where, end in ends.items() if positions.get(where, -1) < end}


def _still_holding(ends: dict[Partition, int], reader: Reader) -> dict[Partition, int]:
    at = reader.positions()
    return {
        where: end for where, end in ends.items() if where not in at or reader.holds_from(*where, at[where])
    }
