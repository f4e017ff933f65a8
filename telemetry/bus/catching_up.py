"""Reading topics to their end as it is now, which is how whoever starts anew learns what there is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from telemetry.bus.protocols import Reader, Record
from telemetry.errors import BrokerUnavailable

PATIENCE_S: Final = 10.0


def read_to_end(reader: Reader, patience_s: float = PATIENCE_S) -> Iterator[Record]:
    """Every record up to the end as it is now. Raises BrokerUnavailable after `patience_s` of silence."""
    open_ends = {where: end for where, end in reader.end_offsets().items() if end > 0}
    silent_since = time.monotonic()
    while open_ends:
        for record in reader.poll(0.2):
            silent_since = time.monotonic()
            where = (record.topic, record.partition)
            if record.offset + 1 >= open_ends.get(where, 0):
                open_ends.pop(where, None)
            yield record
        if time.monotonic() - silent_since > patience_s:
            left = ", ".join(f"{topic}/{partition}" for topic, partition in open_ends)
            raise BrokerUnavailable(f"read nothing for {patience_s:g} s, though {left} has more")
