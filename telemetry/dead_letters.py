"""What becomes of a record that cannot be used: it is kept, with the reason, where a person can find it."""

from __future__ import annotations

import logging
from base64 import b64encode
from typing import Final

from telemetry import codec
from telemetry.bus.protocols import Publisher, Record
from telemetry.errors import RecordTooLarge
from telemetry.events import DeadLettered, derived_id

log = logging.getLogger(__name__)

PAYLOAD_LIMIT: Final = 256 * 1024
REASON_LIMIT: Final = 2000


def bury(publisher: Publisher, record: Record, reason: str, source: str) -> None:
    """Publish the dead letter of a record and wait until it is there. Raises BrokerUnavailable.

    Where the broker takes no record of that size, the letter goes without the payload; where it does not take that
    either, the log has to do: nobody who buries may be stopped by what is buried.
    """
    for limit in (PAYLOAD_LIMIT, 0):
        try:
            publisher.send(codec.encode(dead_record(record, reason, source, limit)))
            publisher.flush()
        except RecordTooLarge as error:
            log.warning("a dead letter with %d bytes of its record at most: %s", limit, error)
        else:
            return
    log.error(
        "no dead letter for %s/%d at offset %d: %s",
        record.topic, record.partition, record.offset, reason[:REASON_LIMIT],
    )  # fmt: skip


def dead_record(record: Record, reason: str, source: str, payload_limit: int = PAYLOAD_LIMIT) -> DeadLettered:
    """The dead letter for a record in Kafka that `source` cannot use; the same record always has the same event id.

    It is cut to what any broker takes (`payload_limit` bytes of its value, 2,000 characters of reason): a record may
    be as large as that itself, and its bytes grow in base64. A dead letter that no broker takes would stop whoever
    writes it at the same record, again and again.
    """
    return DeadLettered(
        event_id=derived_id("dead", record.topic, str(record.partition), str(record.offset)),
        source=source,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        reason=reason[:REASON_LIMIT],
        payload=b64encode((record.value or b"")[:payload_limit]).decode("ascii"),
    )
