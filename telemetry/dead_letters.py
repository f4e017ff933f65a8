"""What becomes of a record that cannot be used: it is kept, with the reason, where a person can find it."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from telemetry.bus.protocols import Record
from telemetry.events import DeadLettered, derived_id

PAYLOAD_LIMIT: Final = 256 * 1024
REASON_LIMIT: Final = 2000


def dead_record(record: Record, reason: str, source: str) -> DeadLettered:
    """The dead letter for a record in Kafka that `source` cannot use; the same record always has the same event id.

    It is cut to what any broker takes: a record may be as large as that itself, and its bytes grow in base64. A
    dead letter that no broker takes would stop whoever writes it at the same record, again and again.
    """
    return DeadLettered(
        event_id=derived_id("dead", record.topic, str(record.partition), str(record.offset)),
        source=source,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        reason=reason[:REASON_LIMIT],
        payload=b64encode((record.value or b"")[:PAYLOAD_LIMIT]).decode("ascii"),
    )
