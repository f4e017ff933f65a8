"""What becomes of a record that cannot be used: it is kept, with the reason, where a person can find it."""

from __future__ import annotations

import base64

from telemetry.bus import Record
from telemetry.events import DeadLettered, derived_id


def dead_letter(record: Record, reason: str, source: str) -> DeadLettered:
    """The event for a record that `source` cannot use. The same record always gives the same `event_id`."""
    return DeadLettered(
        event_id=derived_id("dead", record.topic, str(record.partition), str(record.offset)),
        source=source,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        reason=reason,
        payload=base64.b64encode(record.value or b"").decode("ascii"),
    )
