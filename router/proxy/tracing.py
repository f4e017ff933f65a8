"""By which names a request is found again: its `x-request-id`, and the trace that it is part of. Pure.

What the router did is told as spans by the forwarder, of the record. Here is only what cannot wait: the `traceparent`
below which an engine tells its own part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from router.proxy.wire.headers import with_line
from telemetry.tracing.context import Context, Role, Sampling, is_sampled, role_id, trace_of

if TYPE_CHECKING:  # it is asked of on its way
    from router.proxy.capture import Interaction

REQUEST_ID: Final = b"x-request-id"
_TRACEPARENT: Final = b"traceparent"
_TRACESTATE: Final = b"tracestate:"
_ID: Final = re.compile(rb"[A-Za-z0-9._~:/+=-]{1,128}")
_TRACE: Final = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""https://www.w3.org/TR/trace-context/#traceparent-header, of which there is version 00."""


def request_id_in(headers: Mapping[bytes, bytes]) -> str | None:
    """The id that the client gave its request; None where it gave none, or one that is none.

    One that is longer than 128 characters, or has others than letters, digits and `._~:/+=-`, is none: it stands in
    logs and records, and is to be neither a text nor an address there. Such a request gets one of ours.
    """
    given = headers.get(REQUEST_ID)
    return given.decode() if given is not None and _ID.fullmatch(given) else None


def traceparent_in(headers: Mapping[bytes, bytes]) -> str | None:
    """The trace that the client says its request is part of; None where it says none, or what is none."""
    given = headers.get(_TRACEPARENT)
    return given.decode() if given is not None and _TRACE.fullmatch(given) else None


class Tracing:
    """What engines are told of a request's trace, and by which id it is found; None of it where nobody traces."""

    __slots__ = ("_sampling",)

    def __init__(self, sampling: Sampling | None) -> None:
        self._sampling = sampling

    def told(self, lines: bytes, whose: Interaction, role: Role) -> bytes:
        """Header lines that name the span of this asking, where traces are kept; else the client's, untouched."""
        if self._sampling is None:
            return lines
        own = trace_of(whose.event_id, whose.traceparent, self._sampling)
        named = with_line(lines, _TRACEPARENT, _span(own, whose, role).traceparent.encode())
        if whose.traceparent is None and _TRACESTATE in named:  # it is of a trace that is none
            named = b"".join(
                line for line in named.splitlines(keepends=True) if not line.startswith(_TRACESTATE)
            )
        return named

    def found_by(self, whose: Interaction) -> str | None:
        """The id of a trace that is kept, None where none is."""
        client = whose.traceparent
        if self._sampling is None:
            return client[3:35] if client is not None and is_sampled(client) else None
        own = trace_of(whose.event_id, client, self._sampling)
        return own.trace_id if own.sampled else None


def _span(own: Context, whose: Interaction, role: Role) -> Context:
    return own.beside(role_id(whose.event_id, role))
