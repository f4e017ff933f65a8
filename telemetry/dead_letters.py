"""What becomes of a record that cannot be used: it is kept, with the reason, where a person can find it."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from telemetry.bus import Record
from telemetry.events import DeadLettered, TextPolicy, derived_id
from telemetry.privacy import apply
from telemetry.spool_reader import Spooled

PAYLOAD_LIMIT: Final = 256 * 1024


def dead_letter(
    spooled: Spooled, reason: str, policy: TextPolicy, source: str, payload_limit: int = PAYLOAD_LIMIT
) -> DeadLettered:
    """The dead letter for a spooled record; the same record always has the same event id.

    `topic` is `spool`, `partition` the segment, `offset` the byte in it. The payload is under the text policy
    as every other text: what is no UTF-8 in it is replaced, and it is cut to `payload_limit` bytes.
    """
    text = apply(spooled.payload.decode(errors="replace"), policy)
    return DeadLettered(
        event_id=derived_id("spool", source, str(spooled.segment), str(spooled.offset)),
        source=source,
        topic="spool",
        partition=spooled.segment,
        offset=spooled.offset,
        reason=reason,
        payload=b64encode(text.encode()[:payload_limit]).decode(),
    )


def dead_record(record: Record, reason: str, source: str) -> DeadLettered:
    """The dead letter for a record in Kafka that `source` cannot use; the same record always has the same event id."""
    return DeadLettered(
        event_id=derived_id("dead", record.topic, str(record.partition), str(record.offset)),
        source=source,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        reason=reason,
        payload=b64encode(record.value or b"").decode("ascii"),
    )
