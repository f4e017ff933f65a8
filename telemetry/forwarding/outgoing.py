"""The forwarder's decision about one spooled record: an event, or a dead letter that says why not."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import NamedTuple

from telemetry.bus.protocols import MAX_RECORD_BYTES, Encoded
from telemetry.codec import encode
from telemetry.dead_letters import PAYLOAD_LIMIT
from telemetry.errors import UnreadableRecord
from telemetry.events import (
    DeadLettered,
    InteractionRecorded,
    ShadowAnswered,
    SpoolPlace,
    TextPolicy,
    derived_id,
)
from telemetry.forwarding.interactions import to_interaction
from telemetry.forwarding.shadow_answers import to_shadow_answer
from telemetry.privacy import apply
from telemetry.spool.raw_record import RawRecord, unpack
from telemetry.spool.reader import Spooled
from telemetry.tracing.context import Sampling
from telemetry.tracing.of_interactions import sent_context

Sent = InteractionRecorded | ShadowAnswered
Convert = Callable[[RawRecord, TextPolicy, SpoolPlace | None], Sent]


class Outgoing(NamedTuple):
    """A record for the broker, and the event in it; None for a dead letter."""

    encoded: Encoded
    event: Sent | None

    @property
    def dead(self) -> bool:
        """Whether it is a dead letter."""
        return self.event is None


def to_record(
    spooled: Spooled, policy: TextPolicy, source: str, sampling: Sampling | None = None
) -> Outgoing:
    """What to publish for a spooled record. Pure but for a dead letter's time.

    The record's trace is the client's own, or with `sampling` the span of its being sent.
    """
    reason = spooled.error
    if reason is None:
        try:
            raw = unpack(spooled.payload)
            convert: Convert = to_shadow_answer if raw.is_shadow else to_interaction
            event = convert(raw, policy, spooled.place)
            encoded = encode(event, _trace(event, sampling))
        except UnreadableRecord as error:
            reason = error.message
        else:
            if encoded.size <= MAX_RECORD_BYTES:
                return Outgoing(encoded, event)
            reason = f"an event of {encoded.size} bytes, at most {MAX_RECORD_BYTES} fit into a record"
    return Outgoing(encode(dead_letter(spooled, reason, policy, source)), None)


def _trace(event: Sent, sampling: Sampling | None) -> str | None:
    return event.traceparent if sampling is None else sent_context(event, sampling).traceparent


def dead_letter(
    spooled: Spooled, reason: str, policy: TextPolicy, source: str, payload_limit: int = PAYLOAD_LIMIT
) -> DeadLettered:
    """The dead letter for a spooled record; the same record always has the same event id.

    `topic` is `spool`, `partition` the segment, `offset` the byte in it. The payload is under the text policy
    as every other text: what is no UTF-8 in it is replaced, and it is cut to `payload_limit` bytes.
    """
    text = apply(spooled.payload.decode(errors="replace"), policy)
    return DeadLettered(
        event_id=derived_id("spool", source, spooled.spool or "", str(spooled.segment), str(spooled.offset)),
        source=source,
        topic="spool",
        partition=spooled.segment,
        offset=spooled.offset,
        reason=reason,
        payload=b64encode(text.encode()[:payload_limit]).decode(),
    )
