"""What becomes of a record that nobody can use."""

from __future__ import annotations

from telemetry import topics
from telemetry.events.base import Event


class DeadLettered(Event):
    """A record that could not be used: where it lay, why, and its bytes (base64)."""

    TYPE = "belay.record.dead-lettered"
    TOPIC = topics.DEAD_LETTERS
    KEY = "source"

    topic: str
    partition: int
    offset: int
    reason: str
    payload: str
