"""The forwarder's decision about one spooled record: an interaction, or a dead letter that says why not."""

from __future__ import annotations

from typing import NamedTuple

from telemetry.bus import MAX_RECORD_BYTES, Encoded
from telemetry.codec import encode
from telemetry.dead_letters import dead_letter
from telemetry.errors import UnreadableRecord
from telemetry.events import TextPolicy
from telemetry.interactions import to_interaction
from telemetry.raw_record import unpack
from telemetry.spool_reader import Spooled


class Outgoing(NamedTuple):
    """A record for the broker, and whether it is a dead letter."""

    encoded: Encoded
    dead: bool


def to_record(spooled: Spooled, policy: TextPolicy, source: str) -> Outgoing:
    """What to publish for a spooled record. Pure but for a dead letter's time."""
    reason = spooled.error
    if reason is None:
        try:
            encoded = encode(to_interaction(unpack(spooled.payload), policy))
        except UnreadableRecord as error:
            reason = error.message
        else:
            if encoded.size <= MAX_RECORD_BYTES:
                return Outgoing(encoded, dead=False)
            reason = f"an interaction of {encoded.size} bytes, at most {MAX_RECORD_BYTES} fit into a record"
    return Outgoing(encode(dead_letter(spooled, reason, policy, source)), dead=True)
