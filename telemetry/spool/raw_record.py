"""What the router spools: facts and bytes, unparsed. The forwarder makes an interaction of it, or a shadow's answer.

    [u32 length][meta as JSON] [u32 length][request body] [u32 length][response body] [u32 length][shadow body]

Packing must stay cheap and checks nothing: it runs in the router for every request. `RawMeta` and
`ShadowMeta` say what `meta` holds, and are checked where it is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final, Literal

import pydantic_core
from pydantic import AwareDatetime

from telemetry.errors import UnreadableRecord
from telemetry.events import Arm, Assignment, ShadowDraw, Value

_LENGTH: Final = struct.Struct("<I")
_pack_length: Final = _LENGTH.pack


class AnswerFacts(Value):
    """What the router knows of one arm's answer without parsing it; `status` 0 where none came.

    Times are milliseconds since the request was sent to the arm; `retried` is why a replica of it failed before another
    was asked.
    """

    served_by: Arm
    status: int
    streamed: bool
    first_byte_ms: float | None
    total_ms: float
    error: str | None
    retried: str | None = None


class RawMeta(Value):
    """The facts of one interaction. `source` is the router's name.

    `shadow` is the other arm's answer in records of routers that waited for it; it has a record of its own by now.
    `request_id` and `traceparent` are there where the client gave them, `fell_back_ms` where `fallback` is: how
    long the candidate was waited for, `by_key` where the router wants keys. What does not count is no evidence, since
    who asked may be anybody.
    """

    event_id: str
    time: AwareDatetime
    source: str
    rollout_id: str
    assignment: Assignment
    endpoint: Literal["chat", "completions"]
    answer: AnswerFacts
    fallback: str | None
    client_left: bool
    shadow: AnswerFacts | None
    draw: ShadowDraw | None = None
    counts: bool = True
    request_id: str | None = None
    traceparent: str | None = None
    fell_back_ms: float | None = None
    by_key: str | None = None


class ShadowMeta(Value):
    """The facts of the other arm's answer to the interaction `event_id`; `time` is when it ended.

    Its record follows that of the interaction, and has the shadow's body alone.
    """

    kind: Literal["shadow"]
    event_id: str
    time: AwareDatetime
    source: str
    rollout_id: str
    assignment: Assignment
    shadow: AnswerFacts
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class RawRecord:
    """`meta` has the fields of `RawMeta`, or where it has a `kind` of `ShadowMeta`, as JSON values.

    The bodies are as they were sent, but for what in a request says who asks (`telemetry.privacy.IDENTIFYING`).
    """

    meta: dict[str, Any]
    request_body: bytes
    response_body: bytes
    shadow_body: bytes = b""

    @property
    def is_shadow(self) -> bool:
        """Whether it is the other arm's answer alone."""
        return self.meta.get("kind") == "shadow"

    def pack(self) -> bytes:
        """The record as one payload of the spool."""
        meta = pydantic_core.to_json(self.meta)
        return b"".join(
            (
                _pack_length(len(meta)),
                meta,
                _pack_length(len(self.request_body)),
                self.request_body,
                _pack_length(len(self.response_body)),
                self.response_body,
                _pack_length(len(self.shadow_body)),
                self.shadow_body,
            )
        )


def unpack(payload: bytes) -> RawRecord:
    """The record that `pack` made this payload of. Raises UnreadableRecord."""
    parts: list[bytes] = []
    position = 0
    for name in ("meta", "request", "response", "shadow"):
        begin = position + _LENGTH.size
        if begin > len(payload):
            raise UnreadableRecord(f"a raw record of {len(payload)} bytes ends before its {name}")
        position = begin + _LENGTH.unpack_from(payload, begin - _LENGTH.size)[0]
        if position > len(payload):
            raise UnreadableRecord(f"a raw record of {len(payload)} bytes ends within its {name}")
        parts.append(payload[begin:position])
    if position != len(payload):
        raise UnreadableRecord(f"a raw record of {position} bytes is followed by {len(payload) - position}")
    try:
        meta = pydantic_core.from_json(parts[0])
    except ValueError as error:
        raise UnreadableRecord(f"a raw record's meta is not JSON: {error}") from error
    if not isinstance(meta, dict):
        raise UnreadableRecord(f"a raw record's meta is a JSON {type(meta).__name__}, expected an object")
    return RawRecord(meta, *parts[1:])
