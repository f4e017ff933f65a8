"""One request and what was answered to it: who was asked, by which arm, and where the records lie."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from telemetry import topics
from telemetry.events.base import Arm, Event, Fraction, SubjectSource, TextPolicy, Value


class Message(Value):
    """One chat turn, text only; other content parts are kept as their JSON text."""

    role: str
    content: str


class Assignment(Value):
    """Which arm a subject was given, and the share in force when it was given.

    `subject` is the salted BLAKE2b digest of the identity (hex), never the identity itself.
    """

    subject: str
    subject_source: SubjectSource
    arm: Arm
    share: Fraction
    stage: int
    revision: int


REFUSED: Final = "content_filter"
"""The `finish_reason` of an answer that the engine would not give."""
CUT_BY_ROUTER: Final = "the router stopped before the answer was complete"
"""The `error` of an answer that its engine may well have ended: it is nobody's failure."""


class Answer(Value):
    """What one engine answered. `error` is set, and `text` empty, where it did not.

    `retried` is why a replica of the arm failed before another one gave this answer.
    """

    served_by: Arm
    status: int
    text: str
    finish_reason: str | None = None
    tool_calls: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_byte_ms: float | None = None
    total_ms: float
    error: str | None = None
    retried: str | None = None


class ShadowDraw(Value):
    """How it was settled whether the other arm is asked too: from the prompt alone, before any answer was seen.

    `fraction` is the chance that this prompt had, `capability` what the router took it for (None where it has no
    word table, or that is not sure). An interaction that was drawn is a pair or nothing, never a unit. `seed` is what
    both arms drew their tokens with, where the router gave them one.
    """

    capability: str | None
    fraction: Fraction
    drawn: bool
    seed: int | None = Field(default=None, exclude_if=lambda seed: seed is None)


class SpoolPlace(Value):
    """Where the spool of a router held a record; places of one spool grow in the order in which it was written.

    `spool` is the id of the folder, which it was given when it was made: a router that lost its disk has another.
    """

    spool: Annotated[str, Field(min_length=1, max_length=64)]
    segment: int = Field(ge=0)
    offset: int = Field(ge=0)


class InteractionRecorded(Event):
    """One request and its response, with who served it.

    `fallback` names why base answered for a candidate that failed before its first byte. `shadow` is the other arm's
    answer to the same request, where it has been joined with its `ShadowAnswered`; routers before those recorded it
    here. `draw` is absent where the interaction had no chance of a shadow, whatever its prompt. `spooled` is where the
    router's spool held it, by which what was sent twice is known. What does not count was asked by a key that is no
    evidence. `request_id` is what the client called it, else it was called by its `event_id`; `traceparent` the trace
    that it is part of. `fell_back_ms` is how long a candidate was waited for before base was asked in its place.
    `by_key` is the salted digest of the name of the API key that it came by, absent where the router wants none.
    """

    TYPE = "belay.interaction.recorded"
    TOPIC = topics.INTERACTIONS
    KEY = "assignment.subject"

    rollout_id: str
    assignment: Assignment
    endpoint: Literal["chat", "completions"]
    model: str
    streamed: bool
    text_policy: TextPolicy
    messages: tuple[Message, ...]
    parameters: dict[str, Any] = Field(default_factory=dict)
    answer: Answer
    fallback: str | None = None
    client_left: bool = False
    shadow: Answer | None = None
    draw: ShadowDraw | None = None
    spooled: SpoolPlace | None = None
    counts: bool = True
    request_id: str | None = None
    traceparent: str | None = None
    fell_back_ms: float | None = Field(default=None, exclude_if=lambda waited: waited is None)
    by_key: str | None = Field(default=None, exclude_if=lambda key: key is None)


class ShadowAnswered(Event):
    """The other arm's answer to an interaction that was drawn for a shadow; it follows the interaction (same key).

    `event_id` is derived from the interaction's; `time` is when the answer ended, or failed, or was waited for no
    longer. An interaction that was drawn and is followed by none lost it: its router was killed.
    """

    TYPE = "belay.shadow.answered"
    TOPIC = topics.INTERACTIONS
    KEY = "assignment.subject"

    interaction_id: str
    rollout_id: str
    assignment: Assignment
    text_policy: TextPolicy
    shadow: Answer
    spooled: SpoolPlace | None = None
    traceparent: str | None = Field(default=None, exclude_if=lambda trace: trace is None)
