"""A raw record of a shadow becomes its event: the body parsed, the text policy applied, as for interactions."""

from __future__ import annotations

from pydantic import ValidationError

from telemetry.codec import explain, understood
from telemetry.errors import UnreadableRecord
from telemetry.events import ShadowAnswered, SpoolPlace, TextPolicy, derived_id
from telemetry.forwarding.interactions import to_answer
from telemetry.spool.raw_record import RawRecord, ShadowMeta


def to_shadow_answer(raw: RawRecord, policy: TextPolicy, place: SpoolPlace | None = None) -> ShadowAnswered:
    """The shadow's answer in a raw record. Raises UnreadableRecord where its meta is not what the router writes.

    `place` is where the spool held it.
    """
    try:
        meta = understood(ShadowMeta, raw.meta)
    except ValidationError as error:
        raise UnreadableRecord(f"a raw shadow record's meta: {explain(error)}") from error
    return ShadowAnswered(
        event_id=derived_id("shadow", meta.event_id),
        time=meta.time,
        source=meta.source,
        interaction_id=meta.event_id,
        rollout_id=meta.rollout_id,
        assignment=meta.assignment,
        text_policy=policy,
        shadow=to_answer(meta.shadow, raw.shadow_body, policy, cut=False),
        spooled=place,
        traceparent=meta.traceparent,
    )
