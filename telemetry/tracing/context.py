"""Which trace something is part of, and what its spans are called: from ids alone. Pure.

An interaction whose client names no trace is a trace of its own, whose id is the interaction's. Its spans' ids are
pieces of that id, which cost the router nothing; those of later steps are hashes.
https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

TRACEPARENT: Final = "traceparent"
_TRACE: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_WHOLE: Final = re.compile(r"[0-9a-f]{32}")
_RANDOM_BITS: Final = 56
"""The bits of a trace's id that are random by the standard, the last ones."""

Role = Literal["router", "control", "candidate", "shadow"]
"""Whose span in an interaction: the router's own, or that of an arm that it asked."""
# Of the random digits of a UUID7, behind its time. None can be all zeros: each has the id's variant in it.
_PIECES: Final[dict[Role, slice]] = {
    "router": slice(16, 32),
    "control": slice(15, 31),
    "candidate": slice(14, 30),
    "shadow": slice(13, 29),
}


class Context(NamedTuple):
    """One span, as others refer to it: 32 and 16 hexadecimal digits."""

    trace_id: str
    span_id: str
    sampled: bool = True

    @property
    def traceparent(self) -> str:
        """As a header says it."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    def beside(self, span_id: str) -> Context:
        """Another span of the same trace."""
        return self._replace(span_id=span_id)


def context_of(traceparent: str | None) -> Context | None:
    """The span that a `traceparent` names; None where it names none, or is none of version 00."""
    if traceparent is None or _TRACE.fullmatch(traceparent) is None:
        return None
    return Context(traceparent[3:35], traceparent[36:52], is_sampled(traceparent))


def is_sampled(traceparent: str) -> bool:
    """Whether whoever wrote a `traceparent` keeps its trace."""
    return bool(int(traceparent[-2:], 16) & 1)


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which traces are kept: what a client says of its own, where it is followed, else a `ratio` of all.

    By the last 56 bits R of the trace's id, which are random: kept where R >= (1 - ratio) 2^56, so that all who go by
    the same ratio keep the same traces.
    https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
    """

    ratio: float = 1.0
    follows_client: bool = True

    def keeps(self, trace_id: str, told: bool | None) -> bool:
        """Whether a trace is kept; `told` is what its client says, None where there is none."""
        if told is not None and self.follows_client:
            return told
        return int(trace_id[-_RANDOM_BITS // 4 :], 16) >= (1.0 - self.ratio) * (1 << _RANDOM_BITS)


def role_id(interaction_id: str, role: Role) -> str:
    """The id of a span within an interaction."""
    return _digits(interaction_id)[_PIECES[role]]


def step_id(step: str, of: str) -> str:
    """The id of the span of a later step of what has the id `of`: the same whoever asks, and whenever."""
    return hashlib.blake2b(of.encode(), digest_size=8, person=step.encode()).hexdigest()


def trace_of(interaction_id: str, traceparent: str | None, sampling: Sampling) -> Context:
    """The router's span of an interaction, and so its trace."""
    client = context_of(traceparent)
    trace_id, told = (_digits(interaction_id), None) if client is None else (client.trace_id, client.sampled)
    return Context(trace_id, role_id(interaction_id, "router"), sampling.keeps(trace_id, told))


def _digits(interaction_id: str) -> str:
    """An interaction's id as 32 digits: it is one of ours, a UUID7, unless somebody else wrote the record."""
    if _WHOLE.fullmatch(interaction_id) is not None:
        return interaction_id
    return hashlib.blake2b(interaction_id.encode(), digest_size=16).hexdigest()
